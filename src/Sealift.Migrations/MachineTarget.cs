using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>What receives the machine, besides the directory that its files are in. By default nothing does: the directory is all.</summary>
public sealed record MachineTarget
{
    /// <summary>A directory, and nothing that knows of the machine.</summary>
    public static MachineTarget Directory { get; } = new();

    /// <summary>The libvirt that defines the machine; null for none.</summary>
    public LibvirtTarget? Libvirt { get; init; }
}

/// <summary>libvirt of this host as the receiver of a machine: its disks become volumes of a storage pool, and the domain is defined.</summary>
/// <param name="Uri">Its daemon: <c>qemu:///system</c> or <c>qemu:///session</c>.</param>
/// <param name="Pool">The storage pool, by name or UUID. Its directory is <see cref="MigrationRequest.TargetDirectory"/>.</param>
public sealed record LibvirtTarget(string Uri, string Pool)
{
    /// <summary>Whether the domain is started once it is sealed.</summary>
    public bool Start { get; init; }

    /// <summary>Whether the domain starts with its host from then on.</summary>
    public bool Autostart { get; init; }

    /// <summary>The UUID of the pool as it was found when the migration began; null before that.</summary>
    public string? PoolUuid { get; init; }

    /// <summary>Finds the pool of a plan, and with it the directory that the machine's files are made in.</summary>
    /// <exception cref="Posix.SealiftException">SL66xx: the pool cannot be used. SL7010: a directory is named beside it.</exception>
    internal static async Task<MigrationRequest> LocateAsync(MigrationRequest request, CancellationToken cancel)
    {
        if (request.Target.Libvirt is not { } libvirt) return request;
        if (request.TargetDirectory.Length > 0) throw MigrationErrors.BadPlan("target", $"{request.TargetDirectory} is named, and {libvirt.Uri} with its pool", "Name the one or the other");
        var host = new LibvirtHost(libvirt.Uri);
        var pool = await host.PoolAsync(libvirt.Pool, cancel);
        return request with { TargetDirectory = pool.DirectoryPath, Target = request.Target with { Libvirt = libvirt with { Uri = host.Uri, Pool = pool.Name, PoolUuid = pool.Uuid } } };
    }
}
