using System.Diagnostics;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>How qemu-nbd uses the host's page cache; qemu-nbd(8), <c>--cache</c>.</summary>
public enum QemuCache
{
    /// <summary>Through the page cache; a flush brings it to stable storage.</summary>
    Writeback,

    /// <summary>The page cache is bypassed (O_DIRECT).</summary>
    None,

    /// <summary>Through the page cache, and every write waits for stable storage.</summary>
    Writethrough,
}

/// <summary>
/// A qemu-nbd that serves one image on a Unix socket of a private directory. It dies with this process; a writable one must
/// be ended by <see cref="StopAsync"/>, which is where its last flush is judged.
/// </summary>
public sealed class QemuNbdServer : IAsyncDisposable
{
    // sockaddr_un.sun_path holds 108 bytes with its terminator (unix(7)); 100 leaves room for the name in it.
    private const int SocketPathLimit = 100;
    // A readiness limit, not a wait: qemu-nbd listens within 30 ms on an idle machine.
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);
    // On SIGTERM it flushes: a page cache of gigabytes on a slow disk takes minutes.
    private static readonly TimeSpan StopDeadline = TimeSpan.FromMinutes(10);
    // Without anything to save it is gone within milliseconds, or hangs.
    private static readonly TimeSpan AbandonDeadline = TimeSpan.FromSeconds(10);

    private readonly ChildProcess child;
    private readonly SocketDirectory directory;
    private readonly bool writable;
    private readonly string image;
    private int stopped;

    private QemuNbdServer(ChildProcess child, SocketDirectory directory, string image, bool writable)
    {
        this.child = child;
        this.directory = directory;
        this.image = image;
        this.writable = writable;
    }

    /// <summary>The Unix socket, shorter than sun_path's limit.</summary>
    public string SocketPath => Path.Combine(directory.Path, "nbd");

    /// <summary>The most clients that it serves at once; <c>--shared</c>.</summary>
    public static int ClientLimit => 16;

    /// <summary>What it wrote to standard error so far; for errors.</summary>
    public string LastWords => child.ErrorTail.Trim();

    internal int ProcessId => child.Id;

    /// <summary>Serves an image read-only; its backing chain is what the reference says and nothing else.</summary>
    /// <param name="image">The image, looked at before.</param>
    /// <param name="workDirectory">Where the socket's private directory is made; a short temporary one is made where this is too long for a socket.</param>
    /// <param name="cancel">Stops waiting; the server is dead by then.</param>
    /// <exception cref="SealiftException">It did not start (SL4221), with its last words.</exception>
    public static Task<QemuNbdServer> StartReadOnlyAsync(ImageReference image, string workDirectory, CancellationToken cancel) =>
        StartAsync(QemuNode.Json(image), image.Location.ToString(), writable: false, QemuCache.Writeback, allocationDepth: false, workDirectory, cancel);

    /// <summary>Serves read-only what another server exports: for programs that know of no export names, or open more connections than it takes.</summary>
    public static Task<QemuNbdServer> StartReadOnlyAsync(NbdUri export, string workDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(export);
        return StartAsync(QemuNode.Json(export), export.ToString(), writable: false, QemuCache.Writeback, allocationDepth: false, workDirectory, cancel);
    }

    /// <summary>Serves an image read-only, choosing the cache mode.</summary>
    public static Task<QemuNbdServer> StartReadOnlyAsync(ImageReference image, string workDirectory, QemuCache cache, CancellationToken cancel) =>
        StartAsync(QemuNode.Json(image), image.Location.ToString(), writable: false, cache, allocationDepth: false, workDirectory, cancel);

    /// <summary>Serves an overlay read-only and offers the context <c>qemu:allocation-depth</c> (<c>--allocation-depth</c>).</summary>
    public static Task<QemuNbdServer> StartAllocationDepthAsync(ImageReference overlay, string workDirectory, CancellationToken cancel) =>
        StartAsync(QemuNode.Json(overlay), overlay.Location.ToString(), writable: false, QemuCache.Writeback, allocationDepth: true, workDirectory, cancel);

    /// <summary>Serves an image without a backing file for reading and writing; trims and zeroes give space back (<c>--discard=unmap</c>).</summary>
    public static Task<QemuNbdServer> StartWritableAsync(string path, ImageFormat format, string workDirectory, QemuCache cache, CancellationToken cancel) =>
        StartAsync(QemuNode.Json(DiskImage.Plain(path, format, 0)), path, writable: true, cache, allocationDepth: false, workDirectory, cancel);

    /// <summary>
    /// Ends it in good order: SIGTERM, on which qemu-nbd flushes and closes the image, then a look at its exit code.
    /// </summary>
    /// <exception cref="SealiftException">A writable server did not end with exit code 0 in time (SL4222): what it wrote last may be lost.</exception>
    public ValueTask StopAsync() => EndAsync(judge: writable);

    /// <summary>Ends it without a judgement on what was written: for readers, and for writers that are abandoned anyway.</summary>
    public ValueTask DisposeAsync() => EndAsync(judge: false);

    /// <summary>Where the server has died, throws with its last words instead of a lost connection's error.</summary>
    internal async Task ThrowIfEndedAsync(TimeSpan grace, Exception cause)
    {
        // The connection is lost a moment before the process is gone.
        var ended = child.WaitAsync(CancellationToken.None);
        if (await Task.WhenAny(ended, Task.Delay(grace)) != ended) return;
        await ended;
        throw DiskErrors.ServerEndedBadly(image, $"qemu-nbd went away while it was in use: {child.End}", LastWords, cause);
    }

    /// <summary>How qemu-nbd is told to serve an image that names no other file, on whichever host it runs: nothing is looked at.</summary>
    /// <param name="path">The image, a file.</param>
    /// <param name="format">raw or qcow2.</param>
    /// <param name="socket">Where it listens.</param>
    /// <param name="ready">The file that it writes its process id to once it listens.</param>
    /// <param name="writable">Whether it may be written.</param>
    /// <param name="cache">How the page cache of its host is used.</param>
    /// <returns>Its arguments; qemu-nbd(8).</returns>
    public static IReadOnlyList<string> Arguments(string path, ImageFormat format, string socket, string ready, bool writable, QemuCache cache) =>
        [.. Options(socket, ready, writable, cache), QemuNode.Json(new ImageReference(new ImageLocation(path), format, string.Empty, 0, 0, null, []))];

    private static IEnumerable<string> Options(string socket, string ready, bool writable, QemuCache cache) =>
    [
        "--persistent", $"--shared={ClientLimit}", $"--socket={socket}", $"--pid-file={ready}",
        $"--cache={cache switch { QemuCache.None => "none", QemuCache.Writethrough => "writethrough", _ => "writeback" }}", "--aio=threads",
        // Bytes are written as they were read: only Sealift itself decides what is a hole.
        "--detect-zeroes=off", writable ? "--discard=unmap" : "--discard=ignore",
        .. writable ? Array.Empty<string>() : ["--read-only"],
    ];

    private async ValueTask EndAsync(bool judge)
    {
        if (Interlocked.Exchange(ref stopped, 1) == 1) return;
        try
        {
            child.Terminate();
            using var deadline = new CancellationTokenSource(judge ? StopDeadline : AbandonDeadline);
            var exitCode = await child.WaitAsync(deadline.Token);
            if (judge && exitCode != 0) throw DiskErrors.ServerEndedBadly(image, $"qemu-nbd did not end well: {child.End}", LastWords);
        }
        catch (OperationCanceledException e)
        {
            if (judge) throw DiskErrors.ServerEndedBadly(image, $"qemu-nbd did not end within {StopDeadline} of SIGTERM and was killed", LastWords, e);
            // Nothing depends on it: it is killed below.
        }
        finally
        {
            await child.DisposeAsync();
            directory.Dispose();
        }
    }

    private static async Task<QemuNbdServer> StartAsync(string node, string image, bool writable, QemuCache cache, bool allocationDepth, string workDirectory, CancellationToken cancel)
    {
        var directory = new SocketDirectory(workDirectory);
        var socket = Path.Combine(directory.Path, "nbd");
        var ready = Path.Combine(directory.Path, "pid");
        List<string> arguments = [.. Options(socket, ready, writable, cache), .. allocationDepth ? new[] { "--allocation-depth" } : [], node];

        // It serves as long as its owner lives; every request to it has a deadline of its own.
        var child = ChildProcess.Start(new ChildCommand("qemu-nbd", arguments) { Deadline = TimeSpan.MaxValue });
        var server = new QemuNbdServer(child, directory, image, writable);
        try
        {
            // qemu-nbd writes its pid file after it has begun to listen.
            var startedAt = Stopwatch.GetTimestamp();
            while (FileFacts.OfPathIfExists(ready) is null)
            {
                if (!child.IsRunning)
                {
                    var exitCode = await child.WaitAsync(cancel); // its last words are complete then
                    throw DiskErrors.ServerDidNotStart(image, $"qemu-nbd ended at once with exit code {exitCode}", server.LastWords);
                }

                if (Stopwatch.GetElapsedTime(startedAt) > StartDeadline) throw DiskErrors.ServerDidNotStart(image, $"qemu-nbd did not listen within {StartDeadline}", server.LastWords);
                await Task.Delay(TimeSpan.FromMilliseconds(5), cancel);
            }

            return server;
        }
        catch
        {
            child.Kill("it did not start");
            // Nothing was written through it: the reason that it did not start is the error, not its exit code.
            Interlocked.Exchange(ref server.stopped, 1);
            await child.DisposeAsync();
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The private directory of the socket: in the work directory, or a temporary one where that is too long for a socket.</summary>
    private sealed class SocketDirectory : IDisposable
    {
        private readonly WorkDirectory? temporary;

        public SocketDirectory(string workDirectory)
        {
            Path = System.IO.Path.Combine(System.IO.Path.GetFullPath(workDirectory), "q" + Guid.NewGuid().ToString("N")[..12]);
            if (Path.Length + "/nbd".Length <= SocketPathLimit)
            {
                PosixPath.CreateDirectory(Path, 0x1C0 /* 0700 */);
                return;
            }

            temporary = new WorkDirectory(SocketPathLimit - "/nbd".Length);
            Path = temporary.Path;
        }

        public string Path { get; }

        public void Dispose()
        {
            if (temporary is not null)
            {
                temporary.Dispose();
                return;
            }

            _ = PosixPath.RemoveFile(System.IO.Path.Combine(Path, "nbd")); // false: qemu-nbd removed it itself, or never came so far
            _ = PosixPath.RemoveFile(System.IO.Path.Combine(Path, "pid")); // false: qemu-nbd removed it itself, or never came so far
            _ = PosixPath.RemoveDirectory(Path); // false: gone already, which is what is wanted
        }
    }
}
