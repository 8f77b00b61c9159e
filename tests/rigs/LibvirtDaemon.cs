using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>libvirt's daemon: the one that runs on this machine, or else one that ends with the test.</summary>
internal sealed class LibvirtDaemon : IAsyncDisposable
{
    private readonly IReadOnlyList<ChildProcess> started;

    private LibvirtDaemon(IReadOnlyList<ChildProcess> started) => this.started = started;

    public static async Task<LibvirtDaemon> StartAsync(CancellationToken cancel)
    {
        if (await AnswersAsync(cancel)) return new LibvirtDaemon([]);
        var daemon = new LibvirtDaemon([.. new[] { "virtlogd", "libvirtd" }.Select(p => ChildProcess.Start(new ChildCommand(p) { Deadline = TimeSpan.FromMinutes(30) }))]);
        for (var left = 600; !await AnswersAsync(cancel); left--)
        {
            var dead = daemon.started.FirstOrDefault(p => !p.IsRunning);
            if (left > 0 && dead is null)
            {
                await Task.Delay(50, cancel);
                continue;
            }

            var said = string.Join('\n', daemon.started.Select(p => p.ErrorTail));
            await daemon.DisposeAsync();
            throw new InvalidOperationException($"libvirtd does not answer: {said}");
        }

        return daemon;
    }

    /// <summary>Runs virsh.</summary>
    public static async Task<string> VirshAsync(CancellationToken cancel, params string[] arguments) => (await ChildProcess.RunAsync(Virsh(arguments), cancel)).Output.Trim();

    /// <summary>Ends a domain and forgets it, whatever state it is in.</summary>
    public static async Task RemoveDomainAsync(string name)
    {
        // Each may have nothing to do.
        foreach (var command in (string[][])[["destroy", name], ["undefine", name, "--checkpoints-metadata"]])
            _ = await ChildProcess.RunAsync(Virsh(command) with { AcceptedExitCodes = [0, 1] }, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in started.Reverse())
        {
            process.Kill("the test is over");
            await process.DisposeAsync();
        }
    }

    private static async Task<bool> AnswersAsync(CancellationToken cancel) =>
        (await ChildProcess.RunAsync(Virsh(["uri"]) with { AcceptedExitCodes = [0, 1] }, cancel)).ExitCode == 0;

    private static ChildCommand Virsh(string[] command) => new("virsh", ["-q", "-c", "qemu:///system", .. command]);
}
