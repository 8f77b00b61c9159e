using System.Diagnostics;
using System.Globalization;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>Commands on the host of a machine: this one, or one over SSH. What little is done there beside libvirt is done by coreutils.</summary>
internal sealed class HostCommands(SshHost? remote) : IAsyncDisposable
{
    private static readonly TimeSpan ForwardDeadline = TimeSpan.FromSeconds(30);
    private ChildProcess? forwarding;

    /// <summary>Makes a directory that only its owner may enter.</summary>
    /// <param name="path">It must not be there.</param>
    /// <param name="owner">As <c>UID:GID</c>; null for whoever makes it.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task MakeDirectoryAsync(string path, (int User, int Group)? owner, CancellationToken cancel)
    {
        _ = await RunAsync(["mkdir", "-m", "0700", "--", path], cancel); // it prints nothing; one that is there is an error
        if (owner is var (user, group)) _ = await RunAsync(["chown", "--no-dereference", string.Create(CultureInfo.InvariantCulture, $"{user}:{group}"), "--", path], cancel); // it prints nothing
    }

    /// <summary>Removes files of ours and the directory that they are in; what is gone already is no error.</summary>
    public async Task RemoveDirectoryAsync(string path, IEnumerable<string> files, CancellationToken cancel)
    {
        _ = await RunAsync(["rm", "-f", "--", .. files.Select(f => Path.Combine(path, f))], cancel); // it prints nothing
        if (await ExistsAsync(path, cancel)) _ = await RunAsync(["rmdir", "--", path], cancel); // it prints nothing; something else in it is an error
    }

    /// <summary>Whether a directory is there.</summary>
    public async Task<bool> ExistsAsync(string path, CancellationToken cancel) => (await RunAsync(["test", "-d", path], cancel, 0, 1)).ExitCode == 0;

    /// <summary>Free bytes in a directory.</summary>
    public async ValueTask<long> FreeBytesAsync(string path, CancellationToken cancel)
    {
        if (remote is null) return PosixPath.FreeBytes(path);
        var said = (await RunAsync(["stat", "-f", "-c", "%a %S", "--", path], cancel)).Output.Split(' ', StringSplitOptions.TrimEntries);
        return said is [var blocks, var size] && long.TryParse(blocks, NumberStyles.None, CultureInfo.InvariantCulture, out var b) && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var s) && b <= long.MaxValue / Math.Max(1, s)
            ? b * s
            : throw ProviderErrors.BadLibvirtAnswer(path, "stat -f");
    }

    /// <summary>A socket of this host that leads to one of the machine's host.</summary>
    /// <param name="path">The socket there.</param>
    /// <param name="directory">An existing directory of this host with a short path.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<string> ReachAsync(string path, string directory, CancellationToken cancel)
    {
        if (remote is null) return path;
        var here = Path.Combine(directory, "far");
        forwarding = await SshLogin.InsistAsync(() => TryForwardAsync(remote, path, here, cancel), cancel);
        return here;
    }

    private static async Task<ChildProcess> TryForwardAsync(SshHost remote, string path, string here, CancellationToken cancel)
    {
        _ = PosixPath.RemoveFile(here); // false: none is left of an earlier point in time
        // It lives for as long as the point in time does.
        var forwarding = ChildProcess.Start(remote.Command(["-N", "-S", "none", "-o", "ExitOnForwardFailure=yes", "-L", $"{here}:{path}"]) with { Deadline = TimeSpan.FromDays(365) });
        try
        {
            for (var watch = Stopwatch.StartNew(); FileFacts.OfPathIfExists(here) is null; await Task.Delay(20, cancel))
                if (!forwarding.IsRunning) forwarding.ThrowUnlessAccepted(await forwarding.WaitAsync(cancel));
                else if (watch.Elapsed > ForwardDeadline) throw ProviderErrors.NotForwarded(remote.Name, path, ForwardDeadline);
            return forwarding;
        }
        catch
        {
            await forwarding.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends what <see cref="ReachAsync"/> began.</summary>
    public async Task LeaveAsync()
    {
        if (forwarding is null) return;
        await forwarding.DisposeAsync();
        forwarding = null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await LeaveAsync();

    /// <summary>Runs a command there, without a shell of ours between its words.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="accepted">Exit codes that are no error; none for 0 alone.</param>
    /// <exception cref="SealiftException">SL6419: the host is lost. SL1102: another exit code.</exception>
    public Task<ChildResult> RunAsync(IReadOnlyList<string> command, CancellationToken cancel, params IReadOnlyCollection<int> accepted)
    {
        if (accepted.Count == 0) accepted = [0];
        return remote is null
            ? ChildProcess.RunAsync(new ChildCommand(command[0], [.. command.Skip(1)]) { AcceptedExitCodes = accepted }, cancel)
            : SshLogin.InsistAsync(() => RunThereAsync(remote, command, accepted, cancel), cancel);
    }

    private static async Task<ChildResult> RunThereAsync(SshHost remote, IReadOnlyList<string> command, IReadOnlyCollection<int> accepted, CancellationToken cancel)
    {
        const int SshFailed = 255; // ssh(1): any other is of what was run there
        try
        {
            // sshd gives what it gets to a shell there.
            return await ChildProcess.RunAsync(remote.Command([], [ShellWord.Quoted(command)]) with { AcceptedExitCodes = accepted }, cancel);
        }
        catch (ChildException e) when (e.End is { BySignal: false, Number: SshFailed })
        {
            throw ProviderErrors.HostLost(remote.Name, e.LastWords);
        }
    }
}
