using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Bench.Copies;

/// <summary>An nbdkit of our own, on this machine only, until it is disposed.</summary>
internal sealed class NbdServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly ChildProcess process;

    private NbdServer(ChildProcess process) => this.process = process;

    /// <summary>Starts it and waits until it serves.</summary>
    /// <param name="scratch">Where it runs.</param>
    /// <param name="name">For its files.</param>
    /// <param name="arguments">Its own arguments.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="BenchException">It did not start.</exception>
    public static async Task<NbdServer> StartAsync(Scratch scratch, string name, IEnumerable<string> arguments, CancellationToken cancel)
    {
        var ready = $"{name}.pid";
        scratch.Remove(ready);
        scratch.Remove($"{name}.sock");
        var command = new ChildCommand("nbdkit", ["--foreground", "--pidfile", ready, .. arguments]) { Deadline = TimeSpan.FromHours(2), WorkingDirectory = scratch.Path };
        var process = ChildProcess.Start(command);
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(StartLimit);
            while (!File.Exists(scratch.In(ready)))
            {
                if (!process.IsRunning) throw new BenchException($"{command}: {process.ErrorTail}");
                await Task.Delay(2, limit.Token);
            }

            return new NbdServer(process);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}
