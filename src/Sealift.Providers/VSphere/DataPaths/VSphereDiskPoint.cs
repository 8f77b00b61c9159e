using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A disk of a machine at a moment at which it stands still: at a snapshot, or while the machine is off.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="MachineName">What its users call it.</param>
/// <param name="IsOff">Whether it is off.</param>
/// <param name="Snapshot">The snapshot; null where the machine is off and its present state is meant.</param>
/// <param name="Disk">The disk as that snapshot has it, or the machine where there is none.</param>
internal sealed record VSphereDiskPoint(ManagedReference Machine, string MachineName, bool IsOff, ManagedReference? Snapshot, VirtualDisk Disk)
{
    /// <summary>How errors, progress and the seal call it.</summary>
    public string NameAt(VSphereAccess access) =>
        $"vsphere://{access.Name}/{MachineName} {(Disk.File.Length > 0 ? Disk.File : Disk.Label)}{(Snapshot is { } snapshot ? $" ({snapshot.Value})" : string.Empty)}";

    /// <summary>Whether the same disk is still there, as long as it was, and still stands still.</summary>
    /// <param name="client">The server.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="Posix.SealiftException">SL6526: it is not.</exception>
    public async Task VerifyAsync(VSphereClient client, string name, CancellationToken cancel)
    {
        if (Snapshot is null && await client.PowerStateAsync(Machine, cancel) is not "poweredOff" and var state) throw DataPathErrors.PointGone(name, $"the machine was off, and is '{state}' now");
        IReadOnlyList<VirtualDisk> disks;
        try
        {
            disks = Snapshot is { } snapshot ? await client.SnapshotDisksAsync(snapshot, cancel) : (await client.MachineAsync(Machine, cancel)).Devices.Disks;
        }
        catch (VSphereFaultException e) when (e.Fault.IsNotFound)
        {
            throw DataPathErrors.PointGone(name, $"{(Snapshot is null ? "the machine" : "its snapshot")} is gone", e);
        }

        if (disks.FirstOrDefault(d => d.Key == Disk.Key) is not { } now) throw DataPathErrors.PointGone(name, "the disk is gone");
        if (now.File != Disk.File) throw DataPathErrors.PointGone(name, $"it is in the file {now.File} now");
        if (now.CapacityBytes != Disk.CapacityBytes) throw DataPathErrors.PointGone(name, $"it was {Disk.CapacityBytes} bytes long, and is {now.CapacityBytes} now");
    }
}
