using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests.Direct;

/// <summary>
/// A qemu-storage-daemon that shows partitions as files (FUSE), for checkers to open. It lives in a mount namespace of its own: nobody
/// outside of that sees the files, and when it dies, however it dies, the kernel takes namespace and mounts away with it.
/// </summary>
/// <remarks>
/// qemu-storage-daemon(1), and QEMU's QMP reference for the commands. An ordinary user gets a user namespace as well, where the host
/// allows that (user_namespaces(7)).
/// </remarks>
internal sealed class StorageDaemon : IAsyncDisposable
{
    // It opens files and connects to sockets of this host: milliseconds, unless a server has no place left for another client.
    private static readonly TimeSpan ReplyDeadline = TimeSpan.FromSeconds(60);

    private readonly ChildProcess child;
    private readonly ToolLog log;
    private readonly WorkDirectory views;
    private readonly SemaphoreSlim turn = new(1, 1);
    private int made;

    private StorageDaemon(ChildProcess child, ToolLog log, WorkDirectory views, bool isRoot) => (this.child, this.log, this.views, IsRoot) = (child, log, views, isRoot);

    /// <summary>The process in whose namespaces the files are.</summary>
    public int ProcessId => child.Id;

    /// <summary>Whether we are root: then checkers become another user; otherwise they have a user namespace in which they may do nothing.</summary>
    public bool IsRoot { get; }

    /// <summary>Starts it.</summary>
    /// <param name="options">How long it may live.</param>
    /// <param name="log">Receives what it says.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">It did not start, or may not make namespaces: the text says why.</exception>
    public static async Task<StorageDaemon> StartAsync(GuestOptions options, ToolLog log, CancellationToken cancel)
    {
        var views = new WorkDirectory();
        try
        {
            // What is in it can be opened by whoever knows its name and may: only what the daemon shows there is ever more than an empty file.
            PosixPath.SetPermissions(views.Path, 0x1C9 /* 0711 */);
            var isRoot = FileFacts.OfPath(views.Path).Owner == 0;
            string[] arguments = [.. isRoot ? (string[])[] : ["--user", "--map-root-user"], "--mount", "--propagation", "slave", "--", "qemu-storage-daemon", "--chardev", "stdio,id=monitor", "--monitor", "chardev=monitor"];
            var child = ChildProcess.Start(new ChildCommand("unshare", arguments) { Deadline = TimeSpan.MaxValue, OnErrorLine = log.Add });
            var daemon = new StorageDaemon(child, log, views, isRoot);
            try
            {
                _ = await daemon.ReplyAsync("QMP", cancel); // its greeting: that there is one is what counts
                await daemon.ExecuteAsync("qmp_capabilities", null, cancel);
                return daemon;
            }
            catch
            {
                await child.DisposeAsync();
                throw;
            }
        }
        catch
        {
            views.Dispose();
            throw;
        }
    }

    /// <summary>Opens a disk, read-only.</summary>
    /// <param name="drive">The disk.</param>
    /// <param name="node">What it is called from here on.</param>
    /// <param name="cancel">Stops it.</param>
    public Task OpenAsync(GuestDrive drive, string node, CancellationToken cancel) => ExecuteAsync("blockdev-add", json =>
    {
        json.WriteString("node-name", node);
        json.WriteBoolean("read-only", true);
        if (drive.NbdSocket is { } socket)
        {
            json.WriteString("driver", "nbd");
            json.WriteStartObject("server");
            json.WriteString("type", "unix");
            json.WriteString("path", Path.GetFullPath(socket));
            json.WriteEndObject();
            return;
        }

        json.WriteString("driver", drive.Format == ImageFormat.Qcow2 ? "qcow2" : "raw");
        WriteFile(json, drive.ImagePath!, readOnly: true);
    }, cancel);

    /// <summary>Shows a range of a disk as a file.</summary>
    /// <returns>Its path in the daemon's namespace.</returns>
    public async Task<string> ShowAsync(string disk, long offset, long lengthBytes, CancellationToken cancel)
    {
        var node = await RangeAsync(disk, offset, lengthBytes, cancel);
        return await ExportAsync(node, writable: false, cancel);
    }

    /// <summary>Shows the same as a file that can be written, into a layer of its own.</summary>
    /// <param name="disk">The disk's node.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="lengthBytes">The length.</param>
    /// <param name="layer">A file that does not exist yet; the caller removes it.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task<string> ShowWritableAsync(string disk, long offset, long lengthBytes, string layer, CancellationToken cancel)
    {
        await DiskImage.CreateAsync(layer, ImageFormat.Qcow2, (lengthBytes + 511) / 512 * 512, cancel);
        var below = await RangeAsync(disk, offset, lengthBytes, cancel);
        var node = NextName();
        await ExecuteAsync("blockdev-add", json =>
        {
            json.WriteString("node-name", node);
            json.WriteString("driver", "qcow2");
            WriteFile(json, layer, readOnly: false);
            json.WriteString("backing", below);
        }, cancel);
        return await ExportAsync(node, writable: true, cancel);
    }

    /// <summary>What a checker complained of is no fault of the volume where the files went away under it.</summary>
    /// <exception cref="SealiftException">It has ended.</exception>
    public void ThrowIfEnded()
    {
        if (!child.IsRunning) throw GuestsErrors.NoView("stay", $"{child.End}: {child.ErrorTail.Trim()}", null);
    }

    public async ValueTask DisposeAsync()
    {
        await child.DisposeAsync();
        turn.Dispose();
        views.Dispose();
    }

    private static void WriteFile(Utf8JsonWriter json, string path, bool readOnly)
    {
        json.WriteStartObject("file");
        json.WriteString("driver", FileFacts.OfPath(path).Kind == FileKind.BlockDevice ? "host_device" : "file");
        json.WriteString("filename", Path.GetFullPath(path));
        json.WriteBoolean("read-only", readOnly);
        json.WriteEndObject();
    }

    private async Task<string> RangeAsync(string disk, long offset, long lengthBytes, CancellationToken cancel)
    {
        var node = NextName();
        await ExecuteAsync("blockdev-add", json =>
        {
            json.WriteString("node-name", node);
            json.WriteString("driver", "raw");
            json.WriteBoolean("read-only", true);
            json.WriteNumber("offset", offset);
            json.WriteNumber("size", (lengthBytes + 511) / 512 * 512); // qemu counts in sectors, and rounds the length of a file up as well
            json.WriteString("file", disk);
        }, cancel);
        return node;
    }

    private async Task<string> ExportAsync(string node, bool writable, CancellationToken cancel)
    {
        var path = Path.Combine(views.Path, node);
        using (PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew, 0x180 /* 0600 */))
        {
        }

        await ExecuteAsync("block-export-add", json =>
        {
            json.WriteString("type", "fuse");
            json.WriteString("id", node);
            json.WriteString("node-name", node);
            json.WriteString("mountpoint", path);
            json.WriteBoolean("writable", writable);
            json.WriteString("allow-other", IsRoot ? "on" : "off");
        }, cancel);
        // Through /proc into its namespace. Nobody else is in there.
        if (IsRoot) PosixPath.SetPermissions(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/root{path}"), writable ? 0x1B6 /* 0666 */ : 0x124 /* 0444 */);
        return path;
    }

    private string NextName() => string.Create(CultureInfo.InvariantCulture, $"view{Interlocked.Increment(ref made)}");

    private async Task ExecuteAsync(string command, Action<Utf8JsonWriter>? arguments, CancellationToken cancel)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("execute", command);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                arguments(json);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        var line = Encoding.UTF8.GetString(buffer.WrittenSpan);
        await turn.WaitAsync(cancel);
        try
        {
            log.Add($"--- storage daemon: {line}");
            try
            {
                await child.SendAsync(line + "\n", cancel);
            }
            catch (ChildException)
            {
                // It has gone; its output below ends, and says how.
            }

            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(ReplyDeadline);
            string answer;
            try
            {
                answer = await ReplyAsync("return", patience.Token);
            }
            catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
            {
                throw GuestsErrors.NoView(command, $"it did not answer within {ReplyDeadline}", e);
            }

            using var reply = JsonDocument.Parse(answer);
            if (reply.RootElement.TryGetProperty("error", out var error)) throw GuestsErrors.NoView(command, error.TryGetProperty("desc", out var said) ? said.GetString() ?? string.Empty : "it says no more", null);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The next reply; events in between are only logged.</summary>
    private async Task<string> ReplyAsync(string member, CancellationToken cancel)
    {
        while (true)
        {
            var line = await child.ReadLineAsync(cancel);
            if (line is null)
            {
                _ = await child.WaitAsync(cancel); // how it ended is in End
                throw GuestsErrors.NoView("start", $"{child.End}: {child.ErrorTail.Trim()}", null);
            }

            log.Add(line);
            try
            {
                using var parsed = JsonDocument.Parse(line);
                if (parsed.RootElement.ValueKind == JsonValueKind.Object && (parsed.RootElement.TryGetProperty(member, out _) || parsed.RootElement.TryGetProperty("error", out _))) return line;
            }
            catch (JsonException e)
            {
                throw GuestsErrors.NoView("answer", $"it is not understood: {GuestText.Name(line)}", e);
            }
        }
    }
}
