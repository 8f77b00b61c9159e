using Sealift.Posix;

namespace Sealift.Bench.Faults.Rigs;

/// <summary>A real nbdkit on a Unix socket, until it is disposed.</summary>
public sealed class Nbdkit : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly ChildProcess process;

    private Nbdkit(ChildProcess process) => this.process = process;

    /// <summary>Whether it still serves.</summary>
    public bool IsRunning => process.IsRunning;

    /// <summary>Starts it; a socket that an earlier one left is replaced.</summary>
    public static async Task<Nbdkit> StartAsync(string socket, params string[] arguments)
    {
        var ready = socket + ".pid";
        File.Delete(socket);
        File.Delete(ready);
        var process = ChildProcess.Start(new ChildCommand("nbdkit", ["-f", "-U", socket, "-P", ready, .. arguments]));
        using var limit = new CancellationTokenSource(StartLimit);
        while (!File.Exists(ready))
        {
            if (!process.IsRunning) throw new InvalidOperationException($"nbdkit {string.Join(' ', arguments)} ended: {process.ErrorTail}");
            await Task.Delay(5, limit.Token);
        }

        return new Nbdkit(process);
    }

    /// <summary>A disk in a file that serves well but for its faults; tests/rigs/faulty-disk.py says how they are written.</summary>
    public static Task<Nbdkit> FaultyAsync(string socket, string file, params string[] settings) =>
        StartAsync(socket, ["python", RigFiles.PathOf("faulty-disk.py"), $"file={file}", .. settings]);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => process.DisposeAsync();
}
