using System.Globalization;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A qemu-nbd of another host that serves one volume there, and the SSH connection that leads a socket of this host to it. It opens the
/// volume past the page cache of that host, which the kernel there is asked to confirm; and it holds QEMU's lock on the volume, so that no
/// machine of QEMU's starts with it meanwhile. It ends when the connection does.
/// </summary>
public sealed class VolumeServer : IAsyncDisposable
{
    private const string Ready = "ready ", Flags = "flags ";

    // A login may greet; that the volume is open more than once is for QEMU to decide.
    private const int LongestLine = 1000, MostFlags = 64;

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(90);
    // On its end it flushes what its storage has not taken yet.
    private static readonly TimeSpan StopDeadline = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan AbandonDeadline = TimeSpan.FromSeconds(10);

    // What the connection says when it ends comes a moment after NBD has noticed.
    private static readonly TimeSpan LastWordsGrace = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Starts the server, says with which flags it has the volume open (proc(5), fdinfo) and that it is ready, and ends it in good order at a
    /// line from us or at the end of the connection. Its exit code is the server's. Where that end is noticed late, another run may have ended
    /// the server long since and have one of its own under the same names, which are then left alone.
    /// </summary>
    private const string Script = """
        directory=$1 key=$2 volume=$3; shift 3
        umask 077
        "$@" &
        server=$!
        end() {
          kill "$server" 2>/dev/null; wait "$server"; ended=$?
          [ "$(cat -- "$directory/$key.pid" 2>/dev/null)" = "$server" ] && rm -f -- "$directory/$key.sock" "$directory/$key.pid"
          exit "$ended"
        }
        trap end HUP INT TERM
        trap '' PIPE
        left=600
        until [ "$(cat -- "$directory/$key.pid" 2>/dev/null)" = "$server" ]; do
          [ -e "/proc/$server/exe" ] || end
          [ "$left" -gt 0 ] || { echo "it did not listen within a minute" >&2; end; }
          left=$((left - 1)); sleep 0.1
        done
        file=$(realpath -- "$volume")
        for opened in "/proc/$server/fd"/*; do
          [ "$(readlink -- "$opened")" = "$file" ] && sed -n 's/^flags:[[:space:]]*/flags /p' "/proc/$server/fdinfo/${opened##*/}"
        done
        echo "ready $(uname -m)"
        exec >/dev/null
        read -r _
        end
        """;

    private readonly ChildProcess child;
    private readonly string volume;
    private readonly bool writable;
    private readonly string host;
    private int stopped;
    private Task ignored = Task.CompletedTask;

    private VolumeServer(ChildProcess child, string host, string volume, bool writable, string socketPath) => (this.child, this.host, this.volume, this.writable, Uri) = (child, host, volume, writable, NbdUri.Unix(socketPath));

    /// <summary>Where this host reaches it.</summary>
    public NbdUri Uri { get; }

    /// <summary>Whether it runs, as far as is known here.</summary>
    public bool IsRunning => child.IsRunning;

    /// <summary>How a read-back keeps clear of the page cache of its host, in words for a seal.</summary>
    public static string CacheBypass(string host) => $"O_DIRECT by qemu-nbd on {host}, as its kernel says";

    /// <summary>Whether the flags of an open file, in octal as fdinfo has them, have O_DIRECT in them; null where that is not known of the architecture.</summary>
    /// <param name="flags">The flags; proc(5).</param>
    /// <param name="architecture">As <c>uname -m</c> says it.</param>
    internal static bool? IsDirect(string flags, string architecture)
    {
        // asm-generic/fcntl.h, and arch/arm64/include/uapi/asm/fcntl.h.
        long? direct = architecture switch { "x86_64" or "riscv64" or "s390x" => 0x4000, "aarch64" => 0x10000, _ => null };
        if (direct is null || flags.Length is 0 or > 20 || !flags.All(c => c is >= '0' and <= '7')) return null;
        return (Convert.ToInt64(flags, 8) & direct.Value) != 0;
    }

    internal static Task<VolumeServer> StartAsync(SshHost host, string volume, ImageFormat format, bool writable, string directory, string key, string socketPath, CancellationToken cancel) =>
        SshLogin.InsistAsync(() => TryStartAsync(host, volume, format, writable, directory, key, socketPath, cancel), cancel);

    private static async Task<VolumeServer> TryStartAsync(SshHost host, string volume, ImageFormat format, bool writable, string directory, string key, string socketPath, CancellationToken cancel)
    {
        var (socket, ready) = (Path.Combine(directory, $"{key}.sock"), Path.Combine(directory, $"{key}.pid"));
        _ = PosixPath.RemoveFile(socketPath); // false: none is left of an earlier run
        string[] server = ["qemu-nbd", .. QemuNbdServer.Arguments(volume, format, socket, ready, writable, QemuCache.None)];
        var child = ChildProcess.Start(host.Command(
            ["-S", "none", "-o", "ExitOnForwardFailure=yes", "-L", $"{socketPath}:{socket}"],
            [ShellWord.Quoted(["sh", "-c", Script, "sh", directory, key, volume, .. server])]) with { Deadline = TimeSpan.MaxValue });
        var started = new VolumeServer(child, host.Name, volume, writable, socketPath);
        try
        {
            await started.AwaitAsync(cancel);
            await started.DemandReachedAsync(cancel);
            return started;
        }
        catch
        {
            await started.EndAsync(judge: false);
            throw;
        }
    }

    /// <summary>Ends it in good order: it flushes and closes the volume, and its exit code is looked at.</summary>
    /// <exception cref="SealiftException">SL6610: a writable one did not end well, so that what it wrote last may be lost.</exception>
    public ValueTask StopAsync() => EndAsync(judge: writable);

    /// <summary>Ends it without a judgement on what was written.</summary>
    public ValueTask DisposeAsync() => EndAsync(judge: false);

    /// <summary>What it and its connection said last, where it has ended; null where it has not.</summary>
    public async Task<string?> LastWordsAsync()
    {
        var ended = child.WaitAsync(CancellationToken.None);
        if (await Task.WhenAny(ended, Task.Delay(LastWordsGrace)) != ended) return null;
        int exitCode;
        try
        {
            exitCode = await ended;
        }
        catch (ChildException e)
        {
            return e.Message; // that is how it ended
        }

        return string.Create(CultureInfo.InvariantCulture, $"What may have caused it: the server of the volume on {host} ended (exit code {exitCode}): {Words}.");
    }

    private string Words => child.ErrorTail.Trim() is { Length: > 0 } said ? ProviderErrors.Clean(said.ReplaceLineEndings("; "), 1000) : "it said nothing";

    /// <summary>ssh makes the socket here whatever its server allows: that it leads there is seen when it is used.</summary>
    private async Task DemandReachedAsync(CancellationToken cancel)
    {
        try
        {
            await using var client = await NbdClient.ConnectAsync(Uri, new NbdOptions(), cancel);
            await client.DisconnectAsync(cancel);
        }
        catch (NbdException e)
        {
            throw LibvirtTargetErrors.ServerDidNotStart(host, volume, $"it is not reached through SSH: {e.Said}; ssh said: {Words}");
        }
    }

    private async Task AwaitAsync(CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(StartDeadline);
        List<string> flags = [];
        try
        {
            while (await child.ReadLineAsync(limit.Token) is { } line)
            {
                if (line.Length > LongestLine || flags.Count > MostFlags) throw LibvirtTargetErrors.ServerDidNotStart(host, volume, $"it says other things than it should: {ProviderErrors.Clean(line, 100)}");
                if (line.StartsWith(Flags, StringComparison.Ordinal)) flags.Add(line[Flags.Length..].Trim());
                if (!line.StartsWith(Ready, StringComparison.Ordinal)) continue;
                var architecture = line[Ready.Length..].Trim();
                ignored = IgnoreAsync(); // it says no more
                // The volume may be open more than once; each of them has to be past the cache.
                if (flags.Count == 0 || flags.Any(f => IsDirect(f, architecture) is not true)) throw LibvirtTargetErrors.CacheNotBypassed(host, volume, flags.Count == 0 ? "its kernel does not say how the server has it open" : $"the server has it open with flags {ProviderErrors.Clean(string.Join(", ", flags), 200)} ({ProviderErrors.Clean(architecture)}), and O_DIRECT is not known to be among them");
                return;
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw LibvirtTargetErrors.ServerDidNotStart(host, volume, $"it was not ready after {StartDeadline.TotalSeconds:0} seconds: {Words}");
        }

        _ = await child.WaitAsync(cancel); // its last words are complete then, and say more than its exit code
        throw Words.Contains("not a multiple of request alignment", StringComparison.Ordinal) ? LibvirtTargetErrors.Unaligned(host, volume, Words) : LibvirtTargetErrors.ServerDidNotStart(host, volume, Words);
    }

    /// <summary>Takes what a hostile host may go on saying, and keeps nothing of it.</summary>
    private async Task IgnoreAsync()
    {
        while (await child.ReadLineAsync(CancellationToken.None) is not null)
        {
            // Until it ends.
        }
    }

    private async ValueTask EndAsync(bool judge)
    {
        if (Interlocked.Exchange(ref stopped, 1) == 1) return;
        try
        {
            child.EndInput();
            using var deadline = new CancellationTokenSource(judge ? StopDeadline : AbandonDeadline);
            var exitCode = await child.WaitAsync(deadline.Token);
            if (judge && exitCode != 0) throw LibvirtTargetErrors.ServerEndedBadly(host, volume, string.Create(CultureInfo.InvariantCulture, $"exit code {exitCode}: {Words}"));
        }
        catch (OperationCanceledException e)
        {
            if (judge) throw LibvirtTargetErrors.ServerEndedBadly(host, volume, $"it did not end within {StopDeadline}", e);
            // Nothing depends on it: the connection is ended below, and what that leaves is looked for by the next run.
        }
        finally
        {
            await child.DisposeAsync();
            await ignored;
        }
    }
}
