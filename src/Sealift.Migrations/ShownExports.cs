using Sealift.Disks;
using Sealift.Guests;

namespace Sealift.Migrations;

/// <summary>
/// Disks on NBD exports, and overlays over them, as the checks and the boot proof are shown them: by servers of our own on sockets of this
/// host, that only read, and take as many clients as those tools are. Disks in files and on devices need none.
/// </summary>
internal sealed class ShownExports : IAsyncDisposable
{
    private readonly Dictionary<string, QemuNbdServer> servers = [];

    private ShownExports()
    {
    }

    /// <summary>Begins to show what needs it.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="overlays">Whether the disks are shown through the overlays of the conversion.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<ShownExports> ShowAsync(MigrationContext context, bool overlays, CancellationToken cancel)
    {
        var shown = new ShownExports();
        try
        {
            foreach (var disk in !context.HasExports ? [] : context.Source.Machine.Disks)
            {
                var copied = context.CopiedDisk(disk.Key);
                if (copied.Export is null) continue;
                shown.servers.Add(disk.Key, overlays ? await Overlay.ServeViewAsync(context.OverlayPath(disk.Key), copied, context.Scratch, cancel) : await copied.ServeReadOnlyAsync(context.Scratch, cancel));
            }

            return shown;
        }
        catch
        {
            await shown.DisposeAsync();
            throw;
        }
    }

    /// <summary>The socket on which a disk is shown; null where it is opened by its path.</summary>
    public string? SocketOf(string key) => servers.GetValueOrDefault(key)?.SocketPath;

    /// <summary>A disk as the checks take it.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="path">Where it is, if it is not shown.</param>
    /// <param name="format">Its format there.</param>
    public GuestDrive Drive(string key, string path, ImageFormat format) => SocketOf(key) is { } socket ? new GuestDrive(key, socket, null, ImageFormat.Raw) : new GuestDrive(key, null, path, format);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in servers.Values) await server.DisposeAsync();
    }
}
