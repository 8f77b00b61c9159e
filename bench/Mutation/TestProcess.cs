using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Sealift.Bench.Mutation;

/// <summary>A process of the test program, with its mutated assembly, that runs tests as it is told.</summary>
internal sealed class TestProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly Socket socket;
    private readonly StreamReader reader;
    private readonly StreamWriter writer;
    private readonly string directory;
    private readonly ConcurrentQueue<string> said;

    private TestProcess(Process process, Socket socket, string directory, ConcurrentQueue<string> said)
    {
        this.said = said;
        this.process = process;
        this.socket = socket;
        this.directory = directory;
        var stream = new NetworkStream(socket);
        reader = new StreamReader(stream, Encoding.UTF8);
        writer = new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true };
    }

    /// <summary>All tests of the program.</summary>
    public IReadOnlyList<TestName> Tests { get; private set; } = [];

    /// <summary>Starts one.</summary>
    /// <param name="program">The test program's assembly, beside the mutated one.</param>
    /// <param name="assembly">The mutated assembly's name.</param>
    /// <param name="count">The count of mutants.</param>
    /// <param name="mutant">The mutant from the first instruction on; −1 for none.</param>
    /// <param name="cancel">Cancels it.</param>
    public static async Task<TestProcess> StartAsync(string program, string assembly, int count, int mutant, CancellationToken cancel)
    {
        var directory = Directory.CreateTempSubdirectory("sm-").FullName;
        var path = Path.Combine(directory, "s");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var start = new ProcessStartInfo("dotnet", [program])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(TestProcess).Assembly.Location,
                ["DOTNET_GCHeapHardLimit"] = "0x60000000", // 1.5 GiB: a mutant that gathers for ever ends there
                ["DOTNET_TieredPGO"] = "0", // the code is changed under its profile
                [TestAnswer.SocketVariable] = path,
                [TestAnswer.AssemblyVariable] = assembly,
                [TestAnswer.CountVariable] = $"{count}",
                ["SEALIFT_MUTATION_TESTS"] = Path.GetFileNameWithoutExtension(program),
                [MutantSwitch.Variable] = $"{mutant}",
                ["TMPDIR"] = directory, // what a killed test leaves is removed with it
            },
        };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} was not started");
        // What tests print is of no interest, but nobody may wait for a full pipe; and where the process cannot even start, it says why.
        var said = new ConcurrentQueue<string>();
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { Length: > 0 } text && said.Count < 20) said.Enqueue(text);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            deadline.CancelAfter(TimeSpan.FromMinutes(3));
            var accepting = listener.AcceptAsync(deadline.Token).AsTask();
            if (await Task.WhenAny(accepting, process.WaitForExitAsync(deadline.Token)) != accepting) throw new TestProcessLostException(said);
            var host = new TestProcess(process, await accepting, directory, said);
            host.Tests = (await host.AnswerAsync(deadline.Token)).Known ?? throw new TestProcessLostException(said);
            return host;
        }
        catch
        {
            await EndAsync(process, directory);
            throw;
        }
    }

    /// <summary>Runs tests up to the first that fails.</summary>
    /// <exception cref="TestProcessLostException">The process ended.</exception>
    /// <exception cref="OperationCanceledException">It took longer than the deadline.</exception>
    public async Task<TestAnswer> RunAsync(TestRequest request, TimeSpan limit, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(limit);
        try
        {
            await writer.WriteLineAsync(TestAnswer.Line(request).AsMemory(), deadline.Token);
        }
        catch (IOException)
        {
            throw new TestProcessLostException(said);
        }

        return await AnswerAsync(deadline.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        await EndAsync(process, directory);
    }

    private static async Task EndAsync(Process process, string directory)
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    private async Task<TestAnswer> AnswerAsync(CancellationToken cancel)
    {
        string? line;
        try
        {
            line = await reader.ReadLineAsync(cancel);
        }
        catch (IOException)
        {
            throw new TestProcessLostException(said);
        }

        if (line is null) await process.WaitForExitAsync(cancel); // and all that it said is here
        return line is null ? throw new TestProcessLostException(said) : TestAnswer.Parse<TestAnswer>(line);
    }
}

/// <summary>The process of the tests ended by itself: crashed, or ended by what it ran.</summary>
internal sealed class TestProcessLostException(IEnumerable<string> said) : Exception($"the process of the tests ended: {string.Join('\n', said)}");
