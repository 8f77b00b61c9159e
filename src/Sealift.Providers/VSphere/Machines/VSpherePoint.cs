using System.Runtime.ExceptionServices;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>The disks of a machine of vSphere at one instant: as a snapshot has them, or, with the machine off, as they are.</summary>
/// <param name="machine">The machine.</param>
/// <param name="isOff">Whether it is off.</param>
/// <param name="snapshot">The snapshot; null where none was made.</param>
/// <param name="isKept">Whether the snapshot stays when this is released.</param>
/// <param name="said">How consistent it is.</param>
/// <param name="parts">The disks.</param>
/// <param name="workDirectory">Where files may be put that are as large as disks.</param>
/// <param name="socketDirectory">Where sockets may be made.</param>
internal sealed class VSpherePoint(VSphereMachine machine, bool isOff, MachineSnapshot? snapshot, bool isKept, string said, IReadOnlyList<VSpherePart> parts, string workDirectory, string socketDirectory) : PointInTime
{
    private readonly List<(IDiskReader Disk, NbdReadServer Server)> shown = [];

    public override string Consistency => said;

    public override async Task<TrackedDisk> OpenAsync(string key, CancellationToken cancel)
    {
        var part = Part(key);
        var reader = await machine.OpenAsync(new VSphereDiskPoint(machine.Reference, machine.Place, isOff, snapshot?.Snapshot, part.Disk), workDirectory, cancel);
        return new TrackedDisk(reader, (blockBytes, stop) => ChangedAsync(part, blockBytes, stop)) { ReadBy = reader.DataPath, PassedOver = reader.Notes };
    }

    public override async Task<NbdUri> ExportAsync(string key, CancellationToken cancel)
    {
        var disk = (await OpenAsync(key, cancel)).Reader;
        try
        {
            var server = NbdReadServer.Start(Path.Combine(socketDirectory, $"{key}.sock"), disk.LengthBytes, disk.ReadAsync);
            shown.Add((disk, server));
            return server.Uri;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    public override TrackerMark? MarkOf(string key) => VSphereMachine.RecordOf(Part(key).Disk) is { } record ? new TrackerMark(record, Part(key).Disk.ChangeId!) : null;

    protected override async ValueTask ReleaseAsync()
    {
        try
        {
            foreach (var (disk, server) in shown)
            {
                await server.DisposeAsync();
                await disk.DisposeAsync();
            }
        }
        finally
        {
            if (snapshot is not null && !isKept) await machine.RemoveSnapshotAsync(snapshot.Snapshot, CancellationToken.None);
        }

        // Whoever read it heard no more than that a read failed, and may have made little of it.
        if (shown.Select(s => s.Server.Failure).OfType<SealiftException>().FirstOrDefault() is { } failure) ExceptionDispatchInfo.Throw(failure);
    }

    private async Task<BlockSet> ChangedAsync(VSpherePart part, int blockBytes, CancellationToken cancel)
    {
        var changed = new BlockSet();
        foreach (var since in part.Since)
        {
            try
            {
                foreach (var area in await machine.Client.ChangedAreasAsync(machine.Reference, snapshot?.Snapshot, part.Disk.Key, since, part.Disk.CapacityBytes, cancel)) changed.AddRange(new DiskRange(area.Start, area.Length), blockBytes);
            }
            catch (VSphereException e) when (e.Code is "SL3304" or "SL3321" || e is VSphereFaultException { Fault: { IsNotAuthenticated: false, IsInvalidLogin: false, IsNoPermission: false, IsNotFound: false } })
            {
                // The tracking began anew, fails, or says what cannot be: whatever changed is found by reading all of it.
                throw ProviderErrors.TrackerRefused($"{part.Disk.Label} of {machine.Name}", e);
            }
        }

        return changed;
    }

    private VSpherePart Part(string key) => parts.Single(p => p.Key == key);
}

/// <summary>A disk of a point in time.</summary>
/// <param name="Key">The disk's key in the migration.</param>
/// <param name="Disk">The disk as it is then.</param>
/// <param name="Since">The change ids whose changes are asked for.</param>
internal sealed record VSpherePart(string Key, VirtualDisk Disk, IReadOnlyList<string> Since);
