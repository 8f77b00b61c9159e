using System.Diagnostics;
using System.Text;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// One connection to a host, over which every question to libvirt there goes, and every command: to log in for each would take longer than
/// the answers. It ends with us. Where it breaks, each question logs in by itself. ssh_config(5), ControlPath.
/// </summary>
internal sealed class SharedSsh : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(40);

    // What a path to a Unix socket may have, less what ssh appends while it makes it.
    private const int LongestDirectory = 60;

    private readonly WorkDirectory directory;
    private readonly ChildProcess master;

    private SharedSsh(WorkDirectory directory, ChildProcess master, SshHost host) => (this.directory, this.master, Host) = (directory, master, host);

    /// <summary>The host, with a client that uses the connection.</summary>
    public SshHost Host { get; }

    /// <summary>Logs in.</summary>
    /// <exception cref="SealiftException">SL6418.</exception>
    public static Task<SharedSsh> OpenAsync(SshHost host, CancellationToken cancel) => SshLogin.InsistAsync(() => TryOpenAsync(host, cancel), cancel);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await master.DisposeAsync();
        directory.Dispose();
    }

    private static async Task<SharedSsh> TryOpenAsync(SshHost host, CancellationToken cancel)
    {
        var directory = new WorkDirectory(LongestDirectory);
        var (control, client) = (Path.Combine(directory.Path, "ctl"), Path.Combine(directory.Path, "ssh"));
        // libvirt takes the path of a client and no options for it.
        PosixPath.WriteFileDurably(
            client,
            Encoding.UTF8.GetBytes($"#!/bin/sh\nexec {ShellWord.Quoted(host.Program ?? "ssh")} {string.Join(' ', SshHost.Strictly)} -o ControlMaster=no -S {ShellWord.Quoted(control)} \"$@\"\n"),
            replace: false,
            permissions: 0x1C0 /* 0700 */);
        var master = ChildProcess.Start(host.Command(["-N", "-o", "ControlMaster=yes", "-S", control]) with { Deadline = TimeSpan.FromDays(365) });
        try
        {
            for (var watch = Stopwatch.StartNew(); FileFacts.OfPathIfExists(control) is null; await Task.Delay(20, cancel))
            {
                if (master.IsRunning && watch.Elapsed <= Deadline) continue;
                if (!master.IsRunning) _ = await master.WaitAsync(cancel); // its last words are complete then, and say more than its exit code
                throw ProviderErrors.NotLoggedIn(host.Name, master.ErrorTail);
            }

            return new SharedSsh(directory, master, host with { Program = client });
        }
        catch
        {
            await master.DisposeAsync();
            directory.Dispose();
            throw;
        }
    }
}
