using System.Diagnostics;
using System.Globalization;
using Sealift.Posix;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>
/// A machine of vSphere. A point in time is a snapshot, which is removed as soon as it was read; what changed since an earlier one is
/// asked of vSphere's change tracking (CBT), by the change ids that the disks had then. Of a machine that is off, the last snapshot stays
/// until the new machine was handed over: it is where one would go back to, and what shows whether somebody used the machine meanwhile.
/// </summary>
/// <remarks>Virtual Disk Development Kit Programming Guide, "Low Level Backup Procedures" and "Changed Block Tracking on Virtual Disks".</remarks>
public sealed class VSphereMachine : IRunningMachine
{
    private const string OffSuffix = "-off";
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);
    // Each look is a question to the server.
    private static readonly TimeSpan SpaceInterval = TimeSpan.FromSeconds(10);

    private readonly VSphereName name;
    private readonly VSphereAccess access;
    private (long FreeBytes, long At)? space;

    private VSphereMachine(VSphereName name, VSphereAccess access, VSphereClient client, ManagedReference reference) =>
        (this.name, this.access, Client, Reference) = (name, access, client, reference);

    /// <inheritdoc/>
    public string Name => name.Source;

    /// <summary>Where it is on its server.</summary>
    internal string Place => name.Place;

    /// <summary>The session.</summary>
    internal VSphereClient Client { get; }

    /// <summary>The machine.</summary>
    internal ManagedReference Reference { get; }

    /// <summary>Connects.</summary>
    /// <exception cref="SealiftException">SL33xx: the server cannot be reached, or refuses; SL6542: there is no such machine.</exception>
    internal static async Task<VSphereMachine> ConnectAsync(VSphereName name, VSphereAccess access, CancellationToken cancel) =>
        await ConnectIfThereAsync(name, access, cancel) ?? throw ProviderErrors.NoVSphereMachine(name.Source);

    /// <summary>The same, or null where there is no such machine.</summary>
    internal static async Task<VSphereMachine?> ConnectIfThereAsync(VSphereName name, VSphereAccess access, CancellationToken cancel)
    {
        var client = await VSphereClient.ConnectAsync(access.Options, cancel);
        try
        {
            if (await FindAsync(client, name.Place, cancel) is { } found) return new VSphereMachine(name, access, client, found);
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }

        await client.DisposeAsync();
        return null;
    }

    /// <inheritdoc/>
    public async Task<SourceMachine> DescribeAsync(MachineOverrides given, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(given);
        var machine = await MachineAsync(cancel);
        var names = await Client.NamesAsync(cancel);
        var isWarm = machine.PowerState != "poweredOff";
        var concerns = VSphereConcerns.Of(machine, new VSphereConcernScope { IsWarm = isWarm, Names = names });
        if (concerns.Where(c => c.Severity == ConcernSeverity.Obstacle).ToList() is { Count: > 0 } obstacles) throw ProviderErrors.VSphereObstacles(Name, obstacles);
        List<string> notes = [.. concerns.Where(c => c.Severity == ConcernSeverity.Note).Select(Sentence)];
        var described = VSphereDescription.Of(machine, names, await CommittedBytesAsync(cancel), Name);
        described = described with { Concerns = [.. described.Concerns, .. concerns.Where(c => c.Severity == ConcernSeverity.Warning).Select(Sentence)] };
        if (!isWarm) notes.Add("It is off: it is copied in one pass, and stays off.");
        return new SourceMachine(described.With(given), "vsphere", [], notes, []) { RunningName = Name };

        static string Sentence(Concern concern) => $"{concern.Class}: {concern.Subject}: {concern.Text}.";
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunningDisk>> DisksAsync(CancellationToken cancel) =>
        [.. (await MachineAsync(cancel)).Devices.Disks.Select(d => new RunningDisk(VSphereDescription.IdentityOf(d), NodeOf(d), d.File, d.CapacityBytes, d.CapacityBytes, []) { Record = RecordOf(d), Untracked = RecordOf(d) is null ? "vSphere does not keep track of its changes" : null })];

    /// <inheritdoc/>
    public async Task<bool> IsStoppedAsync(CancellationToken cancel) => await Client.PowerStateAsync(Reference, cancel) == "poweredOff";

    /// <inheritdoc/>
    public Task<bool> IsOffAsync(CancellationToken cancel) => IsStoppedAsync(cancel);

    /// <inheritdoc/>
    public string ScratchDirectory(string? planned, string own) => planned ?? own; // for files that a server exports

    /// <inheritdoc/>
    public string RoomOf(string directory) => $"the datastores of {Name}"; // where its snapshots grow

    /// <inheritdoc/>
    public async ValueTask<long> FreeBytesAsync(string directory, CancellationToken cancel)
    {
        if (space is { } known && Stopwatch.GetElapsedTime(known.At) < SpaceInterval) return known.FreeBytes;
        const string Property = "summary.freeSpace";
        var free = long.MaxValue;
        foreach (var datastore in (await MachineAsync(cancel)).Devices.Disks.Select(d => d.Datastore).OfType<ManagedReference>().Distinct())
        {
            // One that the account may not look at is not looked after.
            if ((await Client.RetrieveOneAsync(datastore, [Property], cancel))[Property] is { } bytes) free = Math.Min(free, bytes.AsNumber());
        }

        space = (free, Stopwatch.GetTimestamp());
        return free;
    }

    /// <inheritdoc/>
    public async Task<PointInTime> FreezeAsync(string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        RunningSource.DemandOurs(owner);
        var machine = await MachineAsync(cancel);
        var isOff = machine.PowerState == "poweredOff";
        if (bitmap is not null) await TrackAsync(machine, owner, cancel);
        else if (isOff) return new VSpherePoint(this, isOff, null, isKept: true, "the machine is off", Parts(disks, machine.Devices.Disks), scratchDirectory, socketDirectory);
        var (snapshot, said) = await SnapshotAsync(bitmap ?? $"{owner}-look", machine, cancel);
        try
        {
            return new VSpherePoint(this, isOff, snapshot, isKept: false, said, Parts(disks, await Client.SnapshotDisksAsync(snapshot.Snapshot, cancel)), scratchDirectory, socketDirectory);
        }
        catch
        {
            await RemoveSnapshotAsync(snapshot.Snapshot, CancellationToken.None);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<PointInTime> ShowStoppedAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        RunningSource.DemandOurs(owner, bitmap);
        var machine = await MachineAsync(cancel);
        if (machine.PowerState != "poweredOff") throw ProviderErrors.StillRuns(Name, machine.PowerState);
        const string Said = "the machine is off";
        // One that nobody keeps track of is read as it is: a snapshot would tell nothing about it.
        if (machine.Devices.Disks.Any(d => RecordOf(d) is null)) return new VSpherePoint(this, isOff: true, null, isKept: true, Said, Parts(disks, machine.Devices.Disks), scratchDirectory, socketDirectory);
        var snapshot = await Client.MakeSnapshotAsync(Reference, bitmap + OffSuffix, "Made by sealift; removed when the migration is over", quiesce: false, cancel);
        foreach (var older in (await OursAsync(owner, cancel)).Where(s => s.Name != snapshot.Name && s.Name.EndsWith(OffSuffix, StringComparison.Ordinal))) await RemoveSnapshotAsync(older.Snapshot, cancel);
        return new VSpherePoint(this, isOff: true, snapshot, isKept: true, Said, Parts(disks, await Client.SnapshotDisksAsync(snapshot.Snapshot, cancel)), scratchDirectory, socketDirectory);
    }

    /// <inheritdoc/>
    public Task ForgetAsync(IReadOnlyCollection<string> names, CancellationToken cancel) => Task.CompletedTask; // the marks are in the journal, and nothing is here

    /// <inheritdoc/>
    public async Task<bool> ShutDownAsync(TimeSpan deadline, bool force, CancellationToken cancel)
    {
        // An earlier run may have come this far; the server remembers for some minutes how.
        if (await IsStoppedAsync(cancel)) return force && (await Client.RecentTasksAsync(Reference, cancel)).Any(t => t.Kind.Contains("powerOff", StringComparison.OrdinalIgnoreCase));
        string? deaf = null;
        try
        {
            await Client.ShutdownGuestAsync(Reference, cancel);
        }
        catch (VSphereFaultException e) when (!e.Fault.IsNoPermission && !e.Fault.IsNotFound)
        {
            deaf = e.Message; // VMware Tools do not run: nobody in the guest hears
        }

        var watch = Stopwatch.StartNew();
        while (deaf is null && watch.Elapsed < deadline)
        {
            if (await IsStoppedAsync(cancel)) return false;
            await Task.Delay(PollInterval, cancel);
        }

        if (await IsStoppedAsync(cancel)) return false;
        if (!force) throw deaf is null ? ProviderErrors.NotShutDown(Name, deadline) : ProviderErrors.NotHeard(Name, deaf);
        await Client.PowerOffAsync(Reference, cancel);
        if (!await IsStoppedAsync(cancel)) throw ProviderErrors.StillRuns(Name, await Client.PowerStateAsync(Reference, cancel));
        return true;
    }

    /// <inheritdoc/>
    public async Task<string?> StirredAsync(string bitmap, CancellationToken cancel)
    {
        var machine = await MachineAsync(cancel);
        if (machine.PowerState != "poweredOff") return $"it is {machine.PowerState}";
        if (machine.Devices.Disks.Any(d => RecordOf(d) is null)) return null; // then that it is off is all that is known
        var called = bitmap + OffSuffix;
        if (machine.Snapshots.SelectMany(s => s.All()).FirstOrDefault(s => s.Name == called) is not { } snapshot) return $"the snapshot {called} is gone";
        foreach (var then in await Client.SnapshotDisksAsync(snapshot.Snapshot, cancel))
        {
            if (machine.Devices.Disks.FirstOrDefault(d => d.Key == then.Key) is not { } now) return $"{then.Label} is gone";
            if (RecordOf(then) is not { } record || record != RecordOf(now)) return $"the tracking of {then.Label} began anew";
            if ((await Client.ChangedAreasAsync(Reference, null, then.Key, then.ChangeId!, now.CapacityBytes, cancel)) is { Count: > 0 } areas) return $"{areas.Sum(a => a.Length)} bytes of {then.Label} were written to";
        }

        return null;
    }

    /// <inheritdoc/>
    public async Task StartAgainAsync(CancellationToken cancel)
    {
        // What was made of it off is of another time by then.
        foreach (var snapshot in (await OursAsync(RunningSource.Prefix, cancel)).Where(s => s.Name.EndsWith(OffSuffix, StringComparison.Ordinal))) await RemoveSnapshotAsync(snapshot.Snapshot, cancel);
        await Client.PowerOnAsync(Reference, cancel);
    }

    /// <inheritdoc/>
    public async Task QuitAsync(CancellationToken cancel)
    {
        if (!await IsStoppedAsync(cancel)) throw ProviderErrors.StillRuns(Name, await Client.PowerStateAsync(Reference, cancel));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> LeftoversAsync(string prefix, CancellationToken cancel) => [.. (await OursAsync(prefix, cancel)).Select(s => $"snapshot {s.Name}").Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async Task RemoveAsync(string prefix, bool keepBitmaps, CancellationToken cancel)
    {
        // The newest first: what is on top of another is moved into it.
        foreach (var snapshot in (await OursAsync(prefix, cancel)).OrderByDescending(s => s.Number).Where(s => !keepBitmaps || !s.Name.EndsWith(OffSuffix, StringComparison.Ordinal))) await RemoveSnapshotAsync(snapshot.Snapshot, cancel);
    }

    /// <inheritdoc/>
    public Task RemoveScratchAsync(string directory, string owner, CancellationToken cancel) => Task.CompletedTask; // what a snapshot's files hold goes with the snapshot

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Client.DisposeAsync();

    /// <summary>The record that a disk's change id belongs to: what is before its slash. Null where changes are not kept track of.</summary>
    internal static string? RecordOf(VirtualDisk disk) => disk.ChangeId is { } id && id.LastIndexOf('/') is > 0 and var slash ? id[..slash] : null;

    /// <summary>Opens a disk at a point in time.</summary>
    internal Task<VSphereDiskReader> OpenAsync(VSphereDiskPoint point, string workDirectory, CancellationToken cancel) => VSphereDisk.OpenAsync(Client, access, point, workDirectory, cancel);

    /// <summary>Removes a snapshot of ours, sees that it is gone, and has its files moved into those below where the server did not.</summary>
    internal async Task RemoveSnapshotAsync(ManagedReference snapshot, CancellationToken cancel)
    {
        await Client.RemoveSnapshotAsync(Reference, snapshot, cancel);
        if ((await MachineAsync(cancel)).NeedsConsolidation) await Client.ConsolidateDisksAsync(Reference, cancel);
    }

    private static async Task<ManagedReference?> FindAsync(VSphereClient client, string place, CancellationToken cancel)
    {
        if (Guid.TryParse(place, out var uuid)) return await client.FindByUuidAsync(uuid, isInstanceUuid: true, cancel) ?? await client.FindByUuidAsync(uuid, isInstanceUuid: false, cancel);
        return await client.FindByInventoryPathAsync(place, cancel);
    }

    private static string NodeOf(VirtualDisk disk) => disk.Key.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the machine takes on its datastores; null where the server does not say.</summary>
    private async Task<long?> CommittedBytesAsync(CancellationToken cancel)
    {
        const string Property = "summary.storage.committed";
        return (await Client.RetrieveOneAsync(Reference, [Property], cancel))[Property] is { } bytes && bytes.AsNumber() is > 0 and var committed ? committed : null;
    }

    private Task<Machine> MachineAsync(CancellationToken cancel) => Client.MachineAsync(Reference, cancel);

    private async Task<List<MachineSnapshot>> OursAsync(string prefix, CancellationToken cancel)
    {
        RunningSource.DemandOurs(prefix);
        return [.. (await Client.SnapshotsAsync(Reference, cancel)).SelectMany(s => s.All()).Where(s => s.Name.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>Has changes kept track of from now on, where that is possible: it takes a snapshot for the tracking to begin, and none may be there.</summary>
    private async Task TrackAsync(Machine machine, string owner, CancellationToken cancel)
    {
        if (machine.Devices.Disks.All(d => d.IsIndependent || RecordOf(d) is not null)) return;
        if (machine.CanTrackChanges is false || machine.Snapshots.Count > 0) return; // each pass reads everything and compares by hash
        await Client.SetChangeTrackingAsync(Reference, on: true, cancel);
        var stun = await Client.MakeSnapshotAsync(Reference, $"{owner}-begin", "Made by sealift so that change tracking begins", quiesce: false, cancel);
        await RemoveSnapshotAsync(stun.Snapshot, cancel);
    }

    private async Task<(MachineSnapshot Snapshot, string Said)> SnapshotAsync(string called, Machine machine, CancellationToken cancel)
    {
        const string Description = "Made by sealift; removed as soon as it was read";
        if (machine.PowerState == "poweredOff") return (await Client.MakeSnapshotAsync(Reference, called, Description, quiesce: false, cancel), "the machine is off");
        var unheard = machine.ToolsRunning == "guestToolsRunning" ? null : "VMware Tools do not run";
        if (unheard is null)
        {
            try
            {
                return (await Client.MakeSnapshotAsync(Reference, called, Description, quiesce: true, cancel), "VMware Tools made the file systems quiet");
            }
            catch (VSphereFaultException e) when (e.Fault.Name.Contains("Quiesce", StringComparison.OrdinalIgnoreCase) || e.Fault.Name is "SnapshotFault" or "ToolsUnavailable" or "GenericVmConfigFault" or "SystemError")
            {
                unheard = e.Fault.Message.Length > 0 ? e.Fault.Message.TrimEnd('.') : e.Fault.Name;
            }
        }

        return (await Client.MakeSnapshotAsync(Reference, called, Description, quiesce: false, cancel), $"as after a power cut: the file systems were not made quiet ({ProviderErrors.Clean(unheard)})");
    }

    private List<VSpherePart> Parts(IReadOnlyList<FrozenDisk> wanted, IReadOnlyList<VirtualDisk> there)
    {
        var parts = new List<VSpherePart>();
        foreach (var disk in wanted)
        {
            var found = there.FirstOrDefault(d => NodeOf(d) == disk.Node) ?? throw ProviderErrors.NotInSnapshot(Name, disk.Key, "the snapshot does not have it");
            if (found.CapacityBytes != disk.LengthBytes) throw ProviderErrors.NotInSnapshot(Name, disk.Key, $"it has {found.CapacityBytes} bytes there, and had {disk.LengthBytes} a moment before");
            parts.Add(new VSpherePart(disk.Key, found, disk.Since));
        }

        return parts;
    }
}
