using System.Diagnostics;
using System.Globalization;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>
/// An nbdkit of our own with its vddk plugin, by which VMware's library reads one disk; nbdkit-vddk-plugin(1). It listens on a socket of
/// a private directory and dies with this process. The library logs in by itself; the password reaches it on a descriptor.
/// </summary>
internal sealed class VddkServer : IAsyncDisposable
{
    // sockaddr_un.sun_path holds 108 bytes with its terminator (unix(7)); 100 leaves room for the name in it.
    private const int SocketPathLimit = 100;
    private const string SocketName = "nbd", ReadyName = "pid";
    // Readiness limits, not waits. The library unpacks itself in seconds.
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookDeadline = TimeSpan.FromSeconds(60);
    // It has nothing to save. The library says goodbye to its server, which may not answer.
    private static readonly TimeSpan EndDeadline = TimeSpan.FromSeconds(10);

    private readonly ChildProcess child;
    private readonly WorkDirectory directory;
    private readonly VSphereSecret password;
    private int ended;

    private VddkServer(ChildProcess child, WorkDirectory directory, VSphereSecret password) => (this.child, this.directory, this.password) = (child, directory, password);

    public NbdUri Uri => NbdUri.Unix(Path.Combine(directory.Path, SocketName));

    /// <summary>The end of what it wrote to standard error, without the password.</summary>
    public string LastWords => password.TakeOutOf(child.ErrorTail.Trim());

    internal int ProcessId => child.Id;

    /// <summary>Why there is no library to read by; null where there is one.</summary>
    public static async Task<string?> WhyNotAsync(VddkOptions options, CancellationToken cancel)
    {
        if (ChildProcess.Find("nbdkit") is null) return "nbdkit is not installed";
        List<string> arguments = ["vddk", "--dump-plugin"];
        if (options.LibraryDirectory is { } folder) arguments.Add($"libdir={folder}");
        try
        {
            var look = await ChildProcess.RunAsync(new ChildCommand("nbdkit", arguments) { Deadline = LookDeadline }, cancel);
            // "If this is omitted it means the library could not be loaded."
            return look.Output.Split('\n').Any(l => l.StartsWith("vddk_library_version=", StringComparison.Ordinal)) ? null
                : $"nbdkit's vddk plugin finds no library of VMware's{(options.LibraryDirectory is { } where ? $" in {where}" : string.Empty)}";
        }
        catch (ChildException e)
        {
            return $"nbdkit's vddk plugin does not work: {(e.LastWords.Trim() is { Length: > 0 } words ? words : e.Said)}";
        }
    }

    /// <summary>Starts it. Whether the library can open the disk shows when somebody connects.</summary>
    /// <exception cref="SealiftException">SL6522: it did not start; SL6527: something cannot be told to it.</exception>
    public static async Task<VddkServer> StartAsync(string name, VSphereAccess access, VddkOptions options, ServerCertificate certificate, VSphereDiskPoint point, CancellationToken cancel)
    {
        const int PasswordDescriptor = ChildSecret.LowestDescriptor;
        using var password = access.Options.Password.ToChild(PasswordDescriptor) ?? throw DataPathErrors.CannotBeTold(name, "password", "it has a line break in it");
        var directory = new WorkDirectory(SocketPathLimit - SocketName.Length - 1);
        ChildProcess? child = null;
        try
        {
            var ready = Path.Combine(directory.Path, ReadyName);
            var address = access.Options.Address;
            List<string> arguments =
            [
                "--foreground", "--readonly", "--exit-with-parent", "--unix", Path.Combine(directory.Path, SocketName), "--pidfile", ready,
                "vddk", $"server={address.DnsSafeHost}", string.Create(CultureInfo.InvariantCulture, $"port={address.Port}"), $"user={access.Options.User}", $"password=-{PasswordDescriptor}",
                $"thumbprint={certificate.Sha1}", $"vm=moref={point.Machine.Value}", $"file={point.Disk.File}",
            ];
            if (options.LibraryDirectory is { } folder) arguments.Add($"libdir={folder}");
            if (point.Snapshot is { } snapshot) arguments.Add($"snapshot={snapshot.Value}");
            if (options.Transports is { } transports) arguments.Add($"transports={transports}");
            if (options.Compression is { } compression) arguments.Add($"compression={compression}");
            child = ChildProcess.Start(new ChildCommand("nbdkit", arguments) { Deadline = TimeSpan.MaxValue, Secrets = [password] });
            var server = new VddkServer(child, directory, access.Options.Password);
            var startedAt = Stopwatch.GetTimestamp();
            while (FileFacts.OfPathIfExists(ready) is null)
            {
                if (!child.IsRunning)
                {
                    var exitCode = await child.WaitAsync(cancel); // its last words are complete then
                    throw DataPathErrors.LibraryNotStarted(name, $"nbdkit ended at once with exit code {exitCode}", server.LastWords);
                }

                if (Stopwatch.GetElapsedTime(startedAt) > StartDeadline) throw DataPathErrors.LibraryNotStarted(name, $"nbdkit did not listen within {StartDeadline.TotalSeconds:0} seconds", server.LastWords);
                await Task.Delay(TimeSpan.FromMilliseconds(5), cancel);
            }

            return server;
        }
        catch
        {
            if (child is not null) await child.DisposeAsync();
            directory.Dispose();
            throw;
        }
    }

    /// <summary>How it ended, where it does within a moment; null where it goes on. A connection is lost a moment before its process is gone.</summary>
    public async Task<string?> EndWithinAsync(TimeSpan grace)
    {
        var waiting = child.WaitAsync(CancellationToken.None);
        if (await Task.WhenAny(waiting, Task.Delay(grace)) != waiting) return null;
        _ = await waiting; // the end says more than the exit code
        return child.End?.ToString();
    }

    /// <summary>Ends it: its last words are complete then.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref ended, 1) == 1) return;
        try
        {
            child.Terminate();
            using var limit = new CancellationTokenSource(EndDeadline);
            _ = await child.WaitAsync(limit.Token); // it only reads: nothing depends on how it ends
        }
        catch (OperationCanceledException)
        {
            // It is killed below.
        }
        finally
        {
            await child.DisposeAsync();
            directory.Dispose();
        }
    }
}
