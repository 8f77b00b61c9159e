namespace Sealift.VSphere;

/// <content>Snapshots.</content>
public sealed partial class VSphereClient
{
    /// <summary>The snapshots of a machine: the oldest, each with those on top of it.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<IReadOnlyList<MachineSnapshot>> SnapshotsAsync(ManagedReference machine, CancellationToken cancel)
    {
        var one = await RetrieveOneAsync(machine, ["snapshot"], cancel);
        if (one.Missing.TryGetValue("snapshot", out var why)) throw VSphereErrors.Refused("read the snapshots", SubjectOf(machine), why);
        return Understand("read the snapshots", SubjectOf(machine), () => MachineSnapshot.RootsOf(one["snapshot"]));
    }

    /// <summary>
    /// Makes a snapshot, without the machine's memory; or finds it, where one of that name is there already: because this was killed
    /// before it heard of it, or because the server's reply was lost. It is not made twice.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="name">Its name, which nobody else uses: it is what the snapshot is known by.</param>
    /// <param name="description">What is said about it.</param>
    /// <param name="quiesce">Whether the guest's file systems are made quiet for it, which takes VMware Tools.</param>
    /// <param name="cancel">Stops waiting; the server may go on.</param>
    /// <exception cref="VSphereFaultException">The server refused, or could not.</exception>
    /// <exception cref="VSphereException">SL3322: the reply was lost, and no such snapshot came to be; SL3323: several are called that.</exception>
    public async Task<MachineSnapshot> MakeSnapshotAsync(ManagedReference machine, string name, string description, bool quiesce, CancellationToken cancel)
    {
        const string Attempt = "make a snapshot";
        if (await FindSnapshotAsync(machine, name, cancel) is { } there) return there;

        // One of an earlier life of ours may be on its way.
        if ((await RecentTasksAsync(machine, cancel)).Any(t => MakesSnapshot(t) && !t.IsOver)
            && await LookForAsync(Attempt, machine, MakesSnapshot, () => FindSnapshotAsync(machine, name, cancel), cancel) is { } came)
            return came;
        try
        {
            _ = await RunTaskAsync(Attempt, "CreateSnapshot_Task", machine, w =>
            {
                w.Text("name", name);
                w.Text("description", description);
                w.Flag("memory", false);
                w.Flag("quiesce", quiesce);
            }, cancel); // its result is read below, with its name
        }
        catch (VSphereException e) when (e.IsOutcomeUnknown)
        {
            // Whether it was made is seen by its name.
            return await LookForAsync(Attempt, machine, MakesSnapshot, () => FindSnapshotAsync(machine, name, cancel), cancel)
                ?? throw VSphereErrors.SnapshotNotMade(SubjectOf(machine), name);
        }

        return await LookAfterAsync(Attempt, machine, () => FindSnapshotAsync(machine, name, cancel)) ?? throw VSphereErrors.NotDone(Attempt, SubjectOf(machine), $"its task succeeded, and no snapshot is called '{name}'");
    }

    /// <summary>Removes a snapshot and moves what is in its files into those below. It is no error if it is gone already.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="snapshot">The snapshot. What is on top of it stays.</param>
    /// <param name="cancel">Stops waiting; the server goes on.</param>
    /// <exception cref="VSphereFaultException">The server refused, or could not.</exception>
    /// <exception cref="VSphereException">SL3324: the reply was lost, and it is still there.</exception>
    public async Task RemoveSnapshotAsync(ManagedReference machine, ManagedReference snapshot, CancellationToken cancel)
    {
        const string Attempt = "remove a snapshot";
        try
        {
            _ = await RunTaskAsync(Attempt, "RemoveSnapshot_Task", snapshot, w =>
            {
                w.Flag("removeChildren", false);
                w.Flag("consolidate", true);
            }, cancel); // it returns nothing
        }
        catch (VSphereFaultException e) when (e.Fault.IsNotFound)
        {
            // Somebody removed it, or we did in an earlier life. Where the machine itself is gone, the look at it says so.
            if (await LookAfterAsync(Attempt, machine, IsThereAsync)) throw;
        }
        catch (VSphereException e) when (e.IsOutcomeUnknown)
        {
            if (await LookForAsync(Attempt, machine, RemovesSnapshot, async () => await IsThereAsync() ? null : "gone", cancel) is null)
                throw VSphereErrors.NotDone(Attempt, SubjectOf(machine), $"the reply was lost, no task removes it, and {snapshot.Value} is still there");
        }

        async Task<bool> IsThereAsync() => (await SnapshotsAsync(machine, cancel)).SelectMany(s => s.All()).Any(s => s.Snapshot == snapshot);
    }

    /// <summary>Moves what is in files of snapshots that are gone into those below, as a server asks for by <c>consolidationNeeded</c>.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting; the server goes on.</param>
    /// <exception cref="VSphereException">It was not done; SL3305: it may have been.</exception>
    public async Task ConsolidateDisksAsync(ManagedReference machine, CancellationToken cancel) =>
        _ = await RunTaskAsync("consolidate the disks", "ConsolidateVMDisks_Task", machine, null, cancel); // it returns nothing

    // VirtualMachine.createSnapshot; servers differ in what they call the other.
    private static bool MakesSnapshot(VimTask task) => IsAbout(task, "create");

    private static bool RemovesSnapshot(VimTask task) => IsAbout(task, "remove");

    private static bool IsAbout(VimTask task, string verb) =>
        task.Kind.Contains("snapshot", StringComparison.OrdinalIgnoreCase) && task.Kind.Contains(verb, StringComparison.OrdinalIgnoreCase);

    private async Task<MachineSnapshot?> FindSnapshotAsync(ManagedReference machine, string name, CancellationToken cancel)
    {
        var called = (await SnapshotsAsync(machine, cancel)).SelectMany(s => s.All()).Where(s => s.Name == name).ToList();
        return called.Count > 1 ? throw VSphereErrors.SnapshotAmbiguous(SubjectOf(machine), name, called.Count) : called.FirstOrDefault();
    }
}
