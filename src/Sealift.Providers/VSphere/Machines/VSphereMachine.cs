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
    private const string Stop = "VmPoweredOffEvent";
    private const string OffSuffix = "-off";
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);
    // Each look is a question to the server.
    private static readonly TimeSpan SpaceInterval = TimeSpan.FromSeconds(1);
    // Moving what is in a snapshot's files into those below may take a day; nothing is gained by not waiting for it.
    private static readonly TimeSpan TaskDeadline = TimeSpan.FromDays(2);
    // What the clocks of two hosts, and the instants at which they are asked, may differ by.
    private static readonly TimeSpan ClockMargin = TimeSpan.FromSeconds(2);
    // With what derives from them: by whom or what ever it was started.
    private static readonly string[] Starts = ["VmStartingEvent", "VmPoweredOnEvent", "VmResumingEvent"];

    private readonly VSphereName name;
    private readonly VSphereAccess access;
    private (long FreeBytes, long At)? space;
    private IReadOnlyList<ManagedReference>? datastores;

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
    /// <remarks>One that is not found may be somewhere else, or hidden from the account, and run: that is never taken for one that is off.</remarks>
    internal static async Task<VSphereMachine> ConnectAsync(VSphereName name, VSphereAccess access, CancellationToken cancel)
    {
        access = access with { Options = access.Options with { TaskDeadline = TaskDeadline } };
        var client = await VSphereClient.ConnectAsync(access.Options, cancel);
        try
        {
            return new VSphereMachine(name, access, client, await FindAsync(client, name, cancel));
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<SourceMachine> DescribeAsync(MachineOverrides given, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(given);
        var machine = await MachineAsync(cancel);
        var isWarm = machine.PowerState != "poweredOff";
        var scope = await VSphereExamination.ScopeOfAsync(Client, machine, isWarm, cancel);
        if (given.NetworkMap is { } map && !map.ContainsKey("*")) scope = scope with { MappedNetworks = map.Keys.ToHashSet() };
        var concerns = VSphereConcerns.Of(machine, scope);
        if (concerns.Where(c => c.Severity == ConcernSeverity.Obstacle).ToList() is { Count: > 0 } obstacles) throw ProviderErrors.VSphereObstacles(Name, obstacles);
        List<string> notes = [.. concerns.Where(c => c.Severity == ConcernSeverity.Note).Select(Sentence)];
        var described = VSphereDescription.Of(machine, scope.Names!, await Client.CommittedBytesAsync(Reference, cancel), Name);
        described = described with { Concerns = [.. described.Concerns, .. concerns.Where(c => c.Severity == ConcernSeverity.Warning).Select(Sentence)] };
        try
        {
            described = described with { Tags = [.. (await Client.TagsAsync(Reference, cancel)).Select(t => new MachineTag(t.Category, t.Name))] };
        }
        catch (VSphereException e)
        {
            notes.Add($"Its tags could not be read, and are not carried over: {e.Message}"); // nothing of the machine hangs on them
        }

        if (!isWarm) notes.Add("It is off: it is copied in one pass, and stays off.");
        return new SourceMachine(described.With(given), "vsphere", [], notes, []) { RunningName = machine.InstanceUuid is { } uuid ? name.BoundTo(uuid).Source : Name };

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
    public long ReserveBytes => 4L << 30; // what a server says is free is not of this second

    /// <inheritdoc/>
    public async ValueTask<long> FreeBytesAsync(string directory, CancellationToken cancel)
    {
        if (space is { } known && Stopwatch.GetElapsedTime(known.At) < SpaceInterval) return known.FreeBytes;
        datastores ??= [.. (await MachineAsync(cancel)).Devices.Disks.Select(d => d.Datastore).OfType<ManagedReference>().Distinct()];
        var free = long.MaxValue;
        foreach (var datastore in datastores) free = Math.Min(free, await Client.FreeBytesAsync(datastore, cancel) ?? throw ProviderErrors.SpaceNotTold(Name, datastore.Value));
        space = (free, Stopwatch.GetTimestamp());
        return free;
    }

    /// <inheritdoc/>
    public async Task BeginTrackingAsync(string owner, CancellationToken cancel)
    {
        RunningSource.DemandOurs(owner);
        var machine = await MachineAsync(cancel);
        if (machine.Devices.Disks.All(d => d.IsIndependent || RecordOf(d) is not null)) return;
        // It takes a snapshot for the tracking to begin, and none may be there; otherwise each pass reads everything and compares by hash.
        if (machine.CanTrackChanges is false || machine.Snapshots.Count > 0) return;
        await Client.SetChangeTrackingAsync(Reference, on: true, cancel);
        var stun = await Client.MakeSnapshotAsync(Reference, $"{owner}-begin", "Made by sealift so that change tracking begins", quiesce: false, cancel);
        await RemoveSnapshotAsync(stun.Snapshot, cancel);
    }

    /// <inheritdoc/>
    public async Task<PointInTime> FreezeAsync(string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        RunningSource.DemandOurs(owner);
        var machine = await MachineAsync(cancel);
        var isOff = machine.PowerState == "poweredOff";
        if (isOff && bitmap is null) return new VSpherePoint(this, isOff, null, isKept: true, "the machine is off", Parts(disks, machine.Devices.Disks), scratchDirectory, socketDirectory);
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
    public Task<PointInTime> ShowStoppedAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        RunningSource.DemandOurs(owner, bitmap);
        return ShowOffAsync(disks, scratchDirectory, socketDirectory, async _ =>
        {
            var snapshot = await Client.MakeSnapshotAsync(Reference, bitmap + OffSuffix, "Made by sealift; removed when the migration is over", quiesce: false, cancel);
            foreach (var older in (await OursAsync(owner, cancel)).Where(s => s.Name != snapshot.Name && IsOfOff(s))) await RemoveSnapshotAsync(older.Snapshot, cancel);
            return snapshot;
        }, cancel);
    }

    /// <inheritdoc/>
    public Task ForgetAsync(IReadOnlyCollection<string> names, CancellationToken cancel) => Task.CompletedTask; // the marks are in the journal, and nothing is here

    /// <inheritdoc/>
    public Task<PointInTime> ShowAgainAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel) =>
        // Made anew, it would be of another time.
        ShowOffAsync(disks, scratchDirectory, socketDirectory, machine => Task.FromResult(OffSnapshotOf(machine, bitmap) ?? throw ProviderErrors.NotInSnapshot(Name, bitmap + OffSuffix, "the snapshot is gone")), cancel);

    /// <inheritdoc/>
    public async Task<bool> ShutDownAsync(TimeSpan deadline, bool force, CancellationToken cancel)
    {
        // An earlier run came this far. By what it was off then nobody knows any more: where the plan allowed force, the worse is said.
        if (await IsStoppedAsync(cancel)) return force;
        var watch = Stopwatch.StartNew();
        string? unheard = "nobody was asked";
        for (; ; await Task.Delay(PollInterval, cancel))
        {
            if (await IsStoppedAsync(cancel)) return false;
            if (watch.Elapsed >= deadline) break;
            if (unheard is not null) unheard = await AskToShutDownAsync(cancel);
        }

        if (!force) throw unheard is null ? ProviderErrors.NotShutDown(Name, deadline) : ProviderErrors.NotHeard(Name, unheard);
        await Client.PowerOffAsync(Reference, cancel);
        if (!await IsStoppedAsync(cancel)) throw ProviderErrors.StillRuns(Name, await Client.PowerStateAsync(Reference, cancel));
        return true;
    }

    /// <inheritdoc/>
    public async Task<string?> StirredAsync(string bitmap, DateTimeOffset since, CancellationToken cancel)
    {
        var machine = await MachineAsync(cancel);
        if (machine.PowerState != "poweredOff") return $"it is {machine.PowerState}";
        if (await StartedSinceAsync(since, cancel) is { } started) return $"it was started at {started.CreatedAt:u} by the server's clock{(started.UserName.Length > 0 ? $", by {ProviderErrors.Clean(started.UserName)}" : string.Empty)}";
        var called = bitmap + OffSuffix;
        if (OffSnapshotOf(machine, bitmap) is not { } snapshot) return IsTracked(machine) ? $"the snapshot {called} is gone" : null;
        // Asked without a later snapshot, a server may compare with the latest that there is, which is this one.
        RunningSource.DemandOurs(called);
        var seen = await Client.MakeSnapshotAsync(Reference, $"{bitmap}-seen", "Made by sealift to see whether anything changed", quiesce: false, cancel);
        try
        {
            var now = await Client.SnapshotDisksAsync(seen.Snapshot, cancel);
            foreach (var then in await Client.SnapshotDisksAsync(snapshot.Snapshot, cancel))
            {
                if (now.FirstOrDefault(d => d.Key == then.Key) is not { } disk) return $"{then.Label} is gone";
                if (disk.CapacityBytes != then.CapacityBytes) return $"{then.Label} has {disk.CapacityBytes} bytes now";
                if (RecordOf(then) is not { } record) continue; // that nobody started it is all that is known of this one
                if (record != RecordOf(disk)) return $"the tracking of {then.Label} began anew";
                if ((await Client.ChangedAreasAsync(Reference, seen.Snapshot, then.Key, then.ChangeId!, disk.CapacityBytes, cancel)) is { Count: > 0 } areas) return $"{areas.Sum(a => a.Length)} bytes of {then.Label} were written to";
            }

            return null;
        }
        finally
        {
            await RemoveSnapshotAsync(seen.Snapshot, CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public async Task StartAgainAsync(CancellationToken cancel)
    {
        // What was made of it off is of another time by then.
        foreach (var snapshot in (await OursAsync(RunningSource.Prefix, cancel)).Where(IsOfOff)) await RemoveSnapshotAsync(snapshot.Snapshot, cancel);
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
        foreach (var snapshot in (await OursAsync(prefix, cancel)).OrderByDescending(s => s.Number).Where(s => !keepBitmaps || !IsOfOff(s))) await RemoveSnapshotAsync(snapshot.Snapshot, cancel);
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
        await OutlastAsync(cancel);
        await Client.RemoveSnapshotAsync(Reference, snapshot, cancel);
        if ((await MachineAsync(cancel)).NeedsConsolidation) await Client.ConsolidateDisksAsync(Reference, cancel);
    }

    private static async Task<ManagedReference> FindAsync(VSphereClient client, VSphereName name, CancellationToken cancel)
    {
        if (name.InstanceUuid is not { } uuid) return (await VSphereInventory.FindAsync(client, name.Place, cancel)).Reference;
        return await client.FindByUuidAsync(uuid, isInstanceUuid: true, cancel) ?? throw ProviderErrors.NoVSphereMachine(name.Source);
    }

    /// <summary>When somebody started it since an instant, by our clock, at which it was off; null where nobody did.</summary>
    private async Task<VimEvent?> StartedSinceAsync(DateTimeOffset since, CancellationToken cancel)
    {
        var off = since + (await Client.CurrentTimeAsync(cancel) - DateTimeOffset.UtcNow);
        var events = await Client.EventsAsync(Reference, [.. Starts, Stop], off - ClockMargin, cancel);
        // One from just before it was shut down is none.
        return events.FirstOrDefault(e => e.Kind != Stop && !events.Any(s => s.Kind == Stop && s.CreatedAt >= e.CreatedAt && s.CreatedAt <= off));
    }

    /// <summary>Whether changes of any of its disks are kept track of.</summary>
    private static bool IsTracked(Machine machine) => machine.Devices.Disks.Any(d => RecordOf(d) is not null);

    /// <summary>Whether a snapshot of ours is one of the machine off, which stays longer than others.</summary>
    private static bool IsOfOff(MachineSnapshot snapshot) => snapshot.Name.EndsWith(OffSuffix, StringComparison.Ordinal);

    private static MachineSnapshot? OffSnapshotOf(Machine machine, string bitmap) => machine.Snapshots.SelectMany(s => s.All()).FirstOrDefault(s => s.Name == bitmap + OffSuffix);

    /// <summary>Shows the disks of the machine off: as a snapshot has them, or, where nobody keeps track of them and one would tell nothing, as they are.</summary>
    private async Task<PointInTime> ShowOffAsync(IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, Func<Machine, Task<MachineSnapshot>> snapshotOf, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        var machine = await MachineAsync(cancel);
        if (machine.PowerState != "poweredOff") throw ProviderErrors.StillRuns(Name, machine.PowerState);
        var snapshot = IsTracked(machine) ? await snapshotOf(machine) : null;
        var there = snapshot is null ? machine.Devices.Disks : await Client.SnapshotDisksAsync(snapshot.Snapshot, cancel);
        return new VSpherePoint(this, isOff: true, snapshot, isKept: true, "the machine is off", Parts(disks, there), scratchDirectory, socketDirectory);
    }

    private static string NodeOf(VirtualDisk disk) => disk.Key.ToString(CultureInfo.InvariantCulture);

    private Task<Machine> MachineAsync(CancellationToken cancel) => Client.MachineAsync(Reference, cancel);

    /// <summary>The snapshots of ours whose names begin so; also those that a run which was killed or cancelled had asked for, and that are still being made.</summary>
    private async Task<List<MachineSnapshot>> OursAsync(string prefix, CancellationToken cancel)
    {
        RunningSource.DemandOurs(prefix);
        await OutlastAsync(cancel);
        return [.. (await Client.SnapshotsAsync(Reference, cancel)).SelectMany(s => s.All()).Where(s => s.Name.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>Waits until nobody makes or removes a snapshot of the machine: while somebody does, a server refuses to do another.</summary>
    private async Task OutlastAsync(CancellationToken cancel)
    {
        foreach (var task in (await Client.RecentTasksAsync(Reference, cancel)).Where(t => !t.IsOver && (t.Kind.Contains("snapshot", StringComparison.OrdinalIgnoreCase) || t.Kind.Contains("consolidat", StringComparison.OrdinalIgnoreCase))))
        {
            try
            {
                _ = await Client.WaitForTaskAsync("wait for a snapshot", Reference, task.Task, null, TaskDeadline, cancel); // what came of it is looked at afterwards
            }
            catch (VSphereFaultException e) when (!e.Fault.IsNotAuthenticated && !e.Fault.IsInvalidLogin)
            {
                // It failed, or is forgotten by now: it is over.
            }
        }
    }

    /// <summary>Asks the guest, and returns why nobody heard it; null where somebody did. What may pass is asked again later.</summary>
    private async Task<string?> AskToShutDownAsync(CancellationToken cancel)
    {
        try
        {
            await Client.ShutdownGuestAsync(Reference, cancel);
            return null;
        }
        catch (VSphereFaultException e) when (!e.Fault.IsNoPermission && !e.Fault.IsNotFound && !e.Fault.IsNotAuthenticated && !e.Fault.IsInvalidLogin)
        {
            return e.Message;
        }
    }

    private async Task<(MachineSnapshot Snapshot, string Said)> SnapshotAsync(string called, Machine machine, CancellationToken cancel)
    {
        const string Description = "Made by sealift; removed as soon as it was read";
        await OutlastAsync(cancel);
        if (machine.PowerState == "poweredOff") return (await Client.MakeSnapshotAsync(Reference, called, Description, quiesce: false, cancel), "the machine is off");
        var unheard = machine.ToolsRunning == "guestToolsRunning" ? null : "VMware Tools do not run";
        if (unheard is null)
        {
            try
            {
                var quiet = await Client.MakeSnapshotAsync(Reference, called, Description, quiesce: true, cancel);
                return (quiet, quiet.IsQuiesced ? "VMware Tools made the file systems quiet" : "as after a power cut: the snapshot is not one of quiet file systems");
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
