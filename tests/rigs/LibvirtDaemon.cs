using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>libvirt's daemon: the one that runs on this machine, or else one that ends with the last test that uses it.</summary>
internal sealed class LibvirtDaemon : IAsyncDisposable
{
    private static readonly SemaphoreSlim Gate = new(1);
    private static IReadOnlyList<ChildProcess> started = [];
    private static int users;

    private LibvirtDaemon()
    {
    }

    public static async Task<LibvirtDaemon> StartAsync(CancellationToken cancel)
    {
        await Gate.WaitAsync(cancel);
        try
        {
            if (users == 0 && !await AnswersAsync(cancel)) await StartProcessesAsync(cancel);
            users++;
            return new LibvirtDaemon();
        }
        finally
        {
            _ = Gate.Release(); // how many may come now
        }
    }

    /// <summary>Runs virsh.</summary>
    public static async Task<string> VirshAsync(CancellationToken cancel, params string[] arguments) => (await ChildProcess.RunAsync(Virsh(arguments), cancel)).Output.Trim();

    /// <summary>Ends a domain and forgets it, whatever state it is in.</summary>
    public static async Task RemoveDomainAsync(string name)
    {
        // Each may have nothing to do.
        foreach (var command in (string[][])[["destroy", name], ["undefine", name, "--checkpoints-metadata", "--nvram"]])
            _ = await ChildProcess.RunAsync(Virsh(command) with { AcceptedExitCodes = [0, 1] }, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await Gate.WaitAsync();
        try
        {
            if (--users == 0) await EndProcessesAsync();
        }
        finally
        {
            _ = Gate.Release(); // how many may come now
        }
    }

    private static async Task StartProcessesAsync(CancellationToken cancel)
    {
        started = [.. new[] { "virtlogd", "libvirtd" }.Select(p => ChildProcess.Start(new ChildCommand(p) { Deadline = TimeSpan.FromMinutes(30) }))];
        for (var left = 600; !await AnswersAsync(cancel); left--)
        {
            if (left > 0 && started.All(p => p.IsRunning))
            {
                await Task.Delay(50, cancel);
                continue;
            }

            var said = string.Join('\n', started.Select(p => p.ErrorTail));
            await EndProcessesAsync();
            throw new InvalidOperationException($"libvirtd does not answer: {said}");
        }
    }

    private static async Task EndProcessesAsync()
    {
        foreach (var process in started.Reverse())
        {
            process.Kill("the test is over");
            await process.DisposeAsync();
        }

        started = [];
    }

    private static async Task<bool> AnswersAsync(CancellationToken cancel) =>
        (await ChildProcess.RunAsync(Virsh(["uri"]) with { AcceptedExitCodes = [0, 1] }, cancel)).ExitCode == 0;

    private static ChildCommand Virsh(string[] command) => new("virsh", ["-q", "-c", "qemu:///system", .. command]);
}
