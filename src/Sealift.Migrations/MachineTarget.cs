using System.Text;
using Sealift.Nbd;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>What receives the machine, besides the directory that its files are in. By default nothing does: the directory is all.</summary>
public sealed record MachineTarget
{
    /// <summary>A directory, and nothing that knows of the machine.</summary>
    public static MachineTarget Directory { get; } = new();

    /// <summary>The libvirt that defines the machine; null for none.</summary>
    public LibvirtTarget? Libvirt { get; init; }

    /// <summary>The disks that go to block devices or NBD exports, and not to files of the directory.</summary>
    public IReadOnlyList<DiskTarget> Disks { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>Where a disk goes that is not to be a file; null where it is.</summary>
    public DiskTarget? Of(SourceDisk disk) => Disks.FirstOrDefault(t => t.IsOf(disk));
}

/// <summary>A disk that goes to a block device or an NBD export, which it overwrites.</summary>
/// <param name="Disk">Which: its key (<c>disk1</c>), or what the source identifies it by.</param>
/// <param name="Device">The device, as an absolute path; or the URI of the export.</param>
public sealed record DiskTarget(string Disk, string Device)
{
    // qcow2 has room for 1023 bytes of the name of what lies below an overlay: qemu's docs/interop/qcow2.txt, "backing_file_size".
    private const int LongestUri = 1000;

    /// <summary>The export; null where it is a device.</summary>
    internal NbdUri? Export => Device.Contains("://", StringComparison.Ordinal) ? ExportOf(Device) : null;

    /// <summary>Whether a disk is the one that is meant.</summary>
    internal bool IsOf(SourceDisk disk) => Disk == disk.Key || Disk == disk.Identity;

    /// <summary>Reads <c>DISK=DEVICE</c> or <c>DISK=URI</c>.</summary>
    /// <exception cref="Posix.SealiftException">SL7128: a part is missing. SL7129: it is an address that is no NBD export's. SL7140: the export's cannot be used. SL3001: it is not well-formed.</exception>
    public static DiskTarget Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // What a source identifies a disk by may hold an equals sign, and so may the parameters of a URI.
        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        var equals = scheme < 0 ? text.IndexOf("=/", StringComparison.Ordinal) : text.LastIndexOf('=', scheme);
        if (equals <= 0) throw MigrationErrors.BadDiskTarget(text, "it is not DISK=DEVICE", "Write it as disk1=/dev/VG/LV");
        var place = text[(equals + 1)..];
        return new DiskTarget(text[..equals], place[0] == '/' ? Path.GetFullPath(place) : ExportOf(place).ToString());
    }

    private static NbdUri ExportOf(string text)
    {
        if (!text.StartsWith("nbd", StringComparison.OrdinalIgnoreCase)) throw MigrationErrors.NoDevice(text);
        var uri = NbdUri.Parse(text);
        if (uri.UsesTls) throw MigrationErrors.BadExport(uri.ToString(), "it is to be reached by TLS, whose certificates QEMU would need as well, in its own way, for the conversion and for the new machine", "Reach it by a network that needs no TLS, or by a tunnel with a Unix socket");
        if (uri.SocketPath is { } socket && !Path.IsPathFullyQualified(socket)) throw MigrationErrors.BadExport(uri.ToString(), "the path of its socket is not absolute", "Give the full path");
        if (uri.ExportName.Any(char.IsControl) || uri.SocketPath?.Any(char.IsControl) is true) throw MigrationErrors.BadExport(uri.ToString(), "it has control characters in the name of the export or the path of its socket", "Give them names without");
        // QEMU and the tools around it do not agree on what these mean there.
        if (uri.SocketPath?.AsSpan().IndexOfAny('%', '&') >= 0) throw MigrationErrors.BadExport(uri.ToString(), "the path of its socket has a % or a &", "Give the socket another name");
        if (Encoding.UTF8.GetByteCount(uri.ToString()) > LongestUri) throw MigrationErrors.BadExport(uri.ToString(), $"it is longer than {LongestUri} bytes", "Give export and socket shorter names");
        return uri;
    }
}

/// <summary>libvirt as the receiver of a machine: its disks become volumes of a storage pool, and the domain is defined.</summary>
/// <param name="Uri">Its daemon: <c>qemu:///system</c> or <c>qemu:///session</c>; or that of another host, <c>qemu+ssh://USER@HOST/system</c>.</param>
/// <param name="Pool">
/// The storage pool, by name or UUID. On this host, its directory is <see cref="MigrationRequest.TargetDirectory"/>. On another one, that is
/// where seal, block maps and the domain's description are kept here.
/// </param>
public sealed record LibvirtTarget(string Uri, string Pool)
{
    /// <summary>Whether the domain is started once it is sealed.</summary>
    public bool Start { get; init; }

    /// <summary>Whether the domain starts with its host from then on.</summary>
    public bool Autostart { get; init; }

    /// <summary>The directory of the pool on another host, as it was found when the migration began; null before that, and on this host.</summary>
    public string? PoolDirectory { get; init; }

    /// <summary>Whether it is on another host.</summary>
    internal bool IsFar => LibvirtHost.IsFar(Uri);

    /// <summary>The UUID of the pool as it was found when the migration began; null before that.</summary>
    public string? PoolUuid { get; init; }

    /// <summary>Finds the pool of a plan, and with it the directory that the machine's files are made in.</summary>
    /// <param name="stateDirectory">Where what belongs to a machine of another host is kept, unless the plan says otherwise.</param>
    /// <param name="request">The plan.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="Posix.SealiftException">SL66xx: the pool cannot be used. SL7010: a directory is named beside one of this host.</exception>
    internal static async Task<MigrationRequest> LocateAsync(string stateDirectory, MigrationRequest request, CancellationToken cancel)
    {
        if (request.Target.Libvirt is not { } libvirt) return request;
        if (!libvirt.IsFar && request.TargetDirectory.Length > 0) throw MigrationErrors.BadPlan("target", $"{request.TargetDirectory} is named, and {libvirt.Uri} with its pool", "Name the one or the other");
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        var pool = await host.PoolAsync(libvirt.Pool, cancel);
        var found = libvirt with { Uri = host.Uri, Pool = pool.Name, PoolUuid = pool.Uuid, PoolDirectory = libvirt.IsFar ? pool.DirectoryPath : null };
        var here = !libvirt.IsFar ? pool.DirectoryPath
            : request.TargetDirectory.Length > 0 ? request.TargetDirectory
            // Machines of one pool have different names, as in the directory of one. Pools of different hosts may have the same.
            : Path.Combine(stateDirectory, "hosts", $"{SafeName.Of(LibvirtHost.HostNameOf(host.Uri))}-{SafeName.Of(pool.Name)}-{pool.Uuid[..8]}");
        return request with { TargetDirectory = here, Target = request.Target with { Libvirt = found } };
    }
}
