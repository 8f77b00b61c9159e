using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Migrations.Steps;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>Runs migrations: plan → steps → gate → seal. One process at a time works on a migration; the journal carries it over a crash.</summary>
public static class MigrationRunner
{
    /// <summary>Says what a migration would do. Nothing is written to the target; compressed content is unpacked into the state directory for a look, and removed.</summary>
    /// <param name="store">The state directory.</param>
    /// <param name="request">The plan.</param>
    /// <param name="cancel">Stops looking.</param>
    /// <exception cref="SealiftException">The plan makes no sense (SL7010), or the source cannot be read (SL4xxx, SL6xxx).</exception>
    public static async Task<MigrationForecast> DescribeAsync(MigrationStore store, MigrationRequest request, CancellationToken cancel)
    {
        request = await LibvirtTarget.LocateAsync(store.StateDirectory, request, cancel);
        Validate(request);
        var work = Path.Combine(store.StateDirectory, $"forecast-{Environment.ProcessId}-{Guid.NewGuid():N}");
        PosixPath.CreateDirectory(work, 0x1C0 /* 0700 */);
        try
        {
            var source = await MachineSource.OpenAsync(request.Sources, DescribeStep.SourceOptionsOf(store, request, work), cancel);
            var preflight = await Preflight.LookAsync(request, source, null, cancel);
            try
            {
                TargetPlaces.DemandUnclaimed(store.Journal, null, preflight.Devices, preflight.Exports);
            }
            catch (SealiftException e) when (e.Code == "SL7128")
            {
                preflight = preflight with { Problems = [.. preflight.Problems, e] }; // the others are told, too
            }

            var names = new TargetNames(request, source.Machine);
            var target = TargetMachine.For(source.Machine, request.TargetDirectory, request.Format, request.Convert);
            return new MigrationForecast(
                source.Machine,
                source.Kind,
                [.. source.Machine.Disks.Select(d => new ForecastDisk(d.Key, d.Image.Location.ToString(), d.Image.Format, d.Image.Subformat, d.Image.VirtualLengthBytes, d.Image.AllocatedBytes, request.Target.Libvirt is { IsFar: true, PoolDirectory: { } far } libvirt ? FarDisks.NameOf(libvirt.Uri, Path.Combine(far, names.Volume(d.Key))) : names.Disk(d.Key), request.Format))],
                [.. names.All.Where(n => n != names.Nvram)],
                preflight.NeededBytes,
                preflight.FreeBytes,
                [.. MigrationSteps.For(request, source.Machine).Select(s => s.Planned)],
                [.. source.Notes, .. source.Machine.Concerns, .. target.Concerns],
                [.. preflight.Problems.Select(p => p.Message)])
            {
                Target = request.Target,
                FarSpace = preflight.FarSpace,
            };
        }
        finally
        {
            PosixTree.Remove(work);
        }
    }

    /// <summary>Starts a migration and runs it to its verdict. What goes wrong in a step is a verdict, not an exception.</summary>
    /// <param name="store">The journal.</param>
    /// <param name="request">The plan.</param>
    /// <param name="observer">Told of everything.</param>
    /// <param name="cancel">Ends it with the verdict <see cref="Verdict.Cancelled"/>; during commit it is finished first, and after the gate it is not heard.</param>
    /// <exception cref="SealiftException">SL7010: the plan makes no sense; SL7007: the journal cannot be written. Nothing was begun.</exception>
    public static Task<MigrationOutcome> StartAsync(MigrationStore store, MigrationRequest request, IMigrationObserver observer, CancellationToken cancel) =>
        StartAsync(store, request, MigrationTerms.Alone(store), observer, cancel);

    /// <summary>The same among others: on terms that whoever runs many of them sets.</summary>
    /// <param name="store">The journal.</param>
    /// <param name="request">The plan.</param>
    /// <param name="terms">Its id, its keys, the bandwidth that it shares, and what makes it leave off.</param>
    /// <param name="observer">Told of everything.</param>
    /// <param name="cancel">As above.</param>
    /// <exception cref="SealiftException">As above; SL7010: there is a migration of this id already.</exception>
    /// <exception cref="OperationCanceledException">It left off, and can be resumed: <see cref="MigrationTerms.LeaveOff"/>.</exception>
    public static async Task<MigrationOutcome> StartAsync(MigrationStore store, MigrationRequest request, MigrationTerms terms, IMigrationObserver observer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(terms);
        request = await LibvirtTarget.LocateAsync(store.StateDirectory, request, cancel);
        Validate(request);
        var row = store.Create(request, terms.Id);
        using var held = await store.LockAsync(row.Id, CancellationToken.None);
        return await new MigrationRun(store, row, terms, observer, resumed: false).RunAsync(cancel);
    }

    /// <summary>Goes on with a migration whose process died, or that failed for a cause that is gone now.</summary>
    /// <param name="store">The journal.</param>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <param name="observer">Told of everything.</param>
    /// <param name="cancel">As in <see cref="StartAsync(MigrationStore, MigrationRequest, IMigrationObserver, CancellationToken)"/>.</param>
    /// <exception cref="SealiftException">SL7003 unknown; SL7004 another process works on it; SL7005 it is over for good.</exception>
    public static Task<MigrationOutcome> ResumeAsync(MigrationStore store, string id, IMigrationObserver observer, CancellationToken cancel) =>
        ResumeAsync(store, id, MigrationTerms.Alone(store), observer, cancel);

    /// <summary>The same among others: on terms that whoever runs many of them sets.</summary>
    /// <param name="store">The journal.</param>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <param name="terms">Its keys, the bandwidth that it shares, and what makes it leave off.</param>
    /// <param name="observer">Told of everything.</param>
    /// <param name="cancel">As in <see cref="StartAsync(MigrationStore, MigrationRequest, IMigrationObserver, CancellationToken)"/>.</param>
    /// <exception cref="SealiftException">As above.</exception>
    /// <exception cref="OperationCanceledException">It left off, and can be resumed: <see cref="MigrationTerms.LeaveOff"/>.</exception>
    public static async Task<MigrationOutcome> ResumeAsync(MigrationStore store, string id, MigrationTerms terms, IMigrationObserver observer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(terms);
        var found = store.Find(id);
        using var held = await store.LockAsync(found.Id, cancel);
        var row = store.Find(found.Id); // again, now that nobody else can change it
        if (row.Outcome is { CanResume: false } outcome) throw MigrationErrors.Over(row.Id, outcome.Verdict);
        if (!store.Journal.IsSealed(row.Id)) await DefinedDomain.DemandPoolAsync(row.Request, cancel);
        if (row.Outcome is not null) store.Journal.Reopen(row.Id);
        return await new MigrationRun(store, row, terms, observer, resumed: true).RunAsync(cancel);
    }

    /// <summary>
    /// Cancels a migration. A running process notices within two seconds; an interrupted one is ended here. A commit that has
    /// begun is finished first, and then not handed over.
    /// </summary>
    /// <returns>The outcome where nobody was working on it; null where a running process will end it.</returns>
    /// <exception cref="SealiftException">SL7003 unknown; SL7006 it is over already, or past the gate.</exception>
    public static async Task<MigrationOutcome?> CancelAsync(MigrationStore store, string id, IMigrationObserver observer, CancellationToken cancel)
    {
        var row = store.Find(id);
        if (row.Outcome is { } outcome) throw MigrationErrors.NotCancellable(row.Id, $"it is over: {outcome.Verdict.ToString().ToLowerInvariant()}");
        if (store.Journal.Steps(row.Id).Any(s => s is { Step.Step: StepName.Gate, State: StepState.Done }))
            throw MigrationErrors.NotCancellable(row.Id, "it has passed the gate and is being handed over");
        store.Journal.RequestCancel(row.Id);
        HeldLock held;
        try
        {
            held = await store.LockAsync(row.Id, cancel);
        }
        catch (SealiftException e) when (e.Code == "SL7004")
        {
            return null; // the process that works on it sees the request
        }

        using (held)
        {
            row = store.Find(row.Id);
            if (row.Outcome is { } over) return over;
            await DefinedDomain.DemandPoolAsync(row.Request, cancel);
            return await new MigrationRun(store, row, MigrationTerms.Alone(store), observer, resumed: true).RunAsync(cancel);
        }
    }

    /// <summary>
    /// Removes what Sealift made for a migration, and its journal. A file that is no longer the one that Sealift made (device
    /// and inode) stays and is reported. What was handed over stays unless asked for.
    /// </summary>
    /// <param name="store">The journal.</param>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <param name="includeHandedOver">Whether disks, domain, start script and seal of the machine that was handed over go too.</param>
    /// <exception cref="SealiftException">SL7003 unknown; SL7004 a process works on it.</exception>
    public static async Task<RemovalReport> RemoveAsync(MigrationStore store, string id, bool includeHandedOver)
    {
        var row = store.Find(id);
        using var held = await store.LockAsync(row.Id, CancellationToken.None);
        var files = new Artefacts(store.Journal, row.Id, Path.Combine(row.Request.TargetDirectory, $".sealift-{row.Id}"));
        List<string> removed = [], kept = [];
        await DemandReachableAsync(store, row, includeHandedOver);
        if (row.Request.Warm is not null) await LeaveSourceAsync(store, row, removed, kept);
        kept.AddRange(await MadeFiles.EndAllAsync(row.Request, store.Journal.Artefacts(row.Id)));
        // Killed between the seal and its note in the journal, the machine is handed over all the same.
        if (store.Journal.IsSealed(row.Id))
            store.Journal.MarkHandedOver(row.Id, [.. store.Journal.Artefacts(row.Id).Where(a => a.Kind is Artefacts.DefinedDomain or Artefacts.FarVolume || (Path.GetDirectoryName(a.Path) == row.Request.TargetDirectory && a.Kind != Artefacts.WorkDirectory)).Select(a => a.Path)]);
        // Before its disks: where it runs, nothing of it may go.
        var keepsDisks = row.Request.Target.Libvirt is { } libvirt && await RemoveDomainAsync(store, row, libvirt, includeHandedOver, removed, kept);
        if (row.Request.Target.Libvirt is { IsFar: true }) await FarDisks.RemoveAllAsync(store.Journal, row, includeHandedOver, keepsDisks, removed, kept);
        // The content before its directory: longer paths first.
        foreach (var artefact in store.Journal.Artefacts(row.Id).OrderByDescending(a => a.Path.Length))
        {
            if (Artefacts.IsNoFile(artefact.Kind)) continue; // a domain was told already; a device keeps what it has
            var there = FileFacts.OfPathIfExists(artefact.Path) is not null;
            if (artefact.HandedOver && !includeHandedOver)
            {
                if (there) kept.Add($"{artefact.Path}: it was handed over");
            }
            else if (keepsDisks && artefact.Kind is Artefacts.Disk or Artefacts.ClonedDisk)
            {
                if (there) kept.Add($"{artefact.Path}: the domain that stays may be using it");
            }
            else if (artefact.Kind == Artefacts.Replaced)
            {
                // Not made by Sealift: it was in the way of a hand-over that did not come to its end.
                if (there) kept.Add($"{artefact.Path}: it was there before the migration; move it back to {row.Request.TargetDirectory}");
            }
            else if (artefact.Kind == Artefacts.TargetDirectory)
            {
                // Only as long as nothing else moved in; a target directory in use is no news.
                if (there && files.Remove(artefact.Path)) removed.Add(artefact.Path);
            }
            else if (!files.Remove(artefact.Path)) kept.Add($"{artefact.Path}: it is no longer the file that Sealift made, or holds something else");
            else if (there) removed.Add(artefact.Path);
        }

        if (row.Request.Target.Libvirt is { IsFar: false } refreshed && removed.Exists(p => Path.GetDirectoryName(p) == row.Request.TargetDirectory) && await DefinedDomain.RefreshAsync(refreshed, CancellationToken.None) is { } why)
            kept.Add($"libvirt still lists the volumes, until `virsh pool-refresh {refreshed.Pool}`: {why}");
        store.Forget(row.Id);
        removed.Add(store.DirectoryOf(row.Id));
        return new RemovalReport(removed, kept);
    }

    /// <summary>
    /// Demands, where nothing is seen of what was made in the directory of a pool, that the pool is active: on a mount point that is bare
    /// everything seems to be gone, and the journal would forget what is there.
    /// </summary>
    private static async Task DemandReachableAsync(MigrationStore store, MigrationRow row, bool includeHandedOver)
    {
        var made = store.Journal.Artefacts(row.Id).Where(a => a.Inode != 0 && (includeHandedOver || !a.HandedOver) && a.Path.StartsWith(row.Request.TargetDirectory + "/", StringComparison.Ordinal)).ToList();
        if (made.Count == 0 || made.Exists(a => FileFacts.OfPathIfExists(a.Path) is not null)) return;
        try
        {
            await DefinedDomain.DemandPoolAsync(row.Request, CancellationToken.None);
        }
        catch (SealiftException e) when (e.Code == "SL6602")
        {
            // The pool is gone for good: nothing would ever bring back what was in it.
        }
    }

    /// <summary>Undefines what was defined, where it is to go.</summary>
    /// <returns>Whether another domain is in its place, which stays and may be using the disks.</returns>
    private static async Task<bool> RemoveDomainAsync(MigrationStore store, MigrationRow row, LibvirtTarget libvirt, bool includeHandedOver, List<string> removed, List<string> kept)
    {
        var keepsDisks = false;
        foreach (var artefact in store.Journal.Artefacts(row.Id).Where(a => a.Kind == Artefacts.DefinedDomain))
        {
            if (artefact.HandedOver && !includeHandedOver)
            {
                kept.Add($"{artefact.Path}: it was handed over");
                continue;
            }

            var (fate, name) = await DefinedDomain.UndefineAsync(libvirt, row.Id, artefact.Path, CancellationToken.None);
            if (fate == DomainFate.Undefined) removed.Add(artefact.Path);
            if (fate == DomainFate.NotOurs)
            {
                keepsDisks = true;
                kept.Add($"the domain {name} ({artefact.Path}): it is not the one that Sealift defined, and stays");
            }

            store.Journal.Disown(row.Id, artefact.Path);
        }

        return keepsDisks;
    }

    /// <summary>Takes back what was made at a running source, where it still runs.</summary>
    private static async Task LeaveSourceAsync(MigrationStore store, MigrationRow row, List<string> removed, List<string> kept)
    {
        var (source, owner) = (row.Request.Sources[0], WarmMachine.OwnerOf(row.Id));
        try
        {
            // By what does not change where it was renamed or moved since.
            if (store.Journal.Steps(row.Id).FirstOrDefault(s => s.Step.Step == StepName.Describe && s.State == StepState.Done)?.Result is { } described)
                source = store.Journal.Decode(described, JournalJson.Default.SourceMachine, $"the result of {StepName.Describe} of {row.Id}").RunningName ?? source;
            await using var machine = await RunningSource.ConnectIfThereAsync(source, store.Servers, CancellationToken.None);
            if (machine is null) return; // it has ended, and with it what was in its memory
            var found = await machine.LeftoversAsync(owner, CancellationToken.None);
            await machine.RemoveAsync(owner, keepBitmaps: false, CancellationToken.None);
            removed.AddRange(found.Select(f => $"{f} at {source}"));
            // One of the migration's own is among its artefacts.
            if (machine.ScratchDirectory(row.Request.Warm?.ScratchDirectory, string.Empty) is { Length: > 0 } scratch) await machine.RemoveScratchAsync(scratch, owner, CancellationToken.None);
        }
        catch (SealiftException e)
        {
            kept.Add($"what was made at {source}: {e.Message}");
        }
    }

    /// <summary>Steers a warm migration, which another process runs or has run: when it cuts over, whether it pauses, how often it passes. It notices within two seconds.</summary>
    /// <param name="store">The journal.</param>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <param name="change">What was asked so far, and what is asked now.</param>
    /// <returns>What is asked now.</returns>
    /// <exception cref="SealiftException">SL7003 unknown; SL7305 not warm; SL7306 its cutover has begun, or it is over.</exception>
    public static Steering Steer(MigrationStore store, string id, Func<Steering, Steering> change)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(change);
        var row = store.Find(id);
        if (row.Request.Warm is null) throw MigrationErrors.NotWarm(row.Id);
        if (row.Outcome is { CanResume: false } || store.Journal.Steps(row.Id).Any(s => s.Step.Step == StepName.Cutover && s.State != StepState.Planned)) throw MigrationErrors.PastCutover(row.Id);
        var steering = change(store.Journal.Steering(row.Id));
        store.Journal.Steer(row.Id, steering);
        return steering;
    }

    private static void Validate(MigrationRequest request)
    {
        if (request.Sources.Count == 0) throw MigrationErrors.BadPlan("sources", "there is none", "Name an OVA, an OVF or disk images");
        var isRunning = request.Sources.Any(RunningSource.Is);
        if (isRunning && request.Sources.Count > 1) throw MigrationErrors.BadPlan("sources", "a running machine is named together with others", "Name it alone");
        if (isRunning != request.Warm is not null) throw MigrationErrors.BadPlan("warm", isRunning ? "the source runs, and the plan does not say how it is followed" : "the source does not run", $"Name a running machine as {RunningSource.Forms} for a warm migration, and images or packages for a cold one");
        if (request.Warm is { } warm && (warm.Interval < TimeSpan.Zero || warm.ShutdownDeadline <= TimeSpan.Zero || warm.Downtime < TimeSpan.Zero || warm.Patience < TimeSpan.Zero)) throw MigrationErrors.BadPlan("warm", "a time is negative", "Give times such as 10m");
        foreach (var path in request.Sources.Where(s => !RunningSource.Is(s) || !RunningSource.IsAbsolute(s)).Append(request.Warm?.ScratchDirectory).Append(request.TargetDirectory).Append(request.AllowBackingDirectory))
            if (path is not null && !Path.IsPathRooted(path)) throw MigrationErrors.BadPlan("paths", $"{path} is not absolute", "Give absolute paths");
        if (request.TargetDirectory != Path.GetFullPath(request.TargetDirectory).TrimEnd('/'))
            throw MigrationErrors.BadPlan("target", $"{request.TargetDirectory} is not in its simplest form, or is the root", "Give the path without . and .. and without a slash at its end");
        if (request.Format is not (ImageFormat.Raw or ImageFormat.Qcow2)) throw MigrationErrors.BadPlan("format", $"{request.Format} is not a target format", "Choose raw or qcow2");
        if (request.Target.Libvirt is { IsFar: true })
        {
            if (request.Target.Disks.Count > 0) throw MigrationErrors.BadPlan("disk targets", "the machine goes to another host, and a disk of it to a device or an export of this one's", "Leave them out: its disks become volumes there");
            if (request.Warm is { ReadBack: ReadBackScope.Changed }) throw MigrationErrors.BadPlan("read-back", "the disks are on another host, where a time of modification alone shows whether anybody has written to them between two passes", "Have all of it read back at the end");
            if (request.Transfer.Name is not (TransferPlan.Auto or TransferPlan.Stream)) throw MigrationErrors.BadPlan("transfer", $"the disks go to another host, and {request.Transfer.Name} is asked for", "Choose auto or stream");
        }

        if (request.Target.Disks.Count > 0)
        {
            if (request.Format != ImageFormat.Raw) throw MigrationErrors.BadPlan("format", "a disk goes to a block device or an NBD export, which holds the bytes of the disk themselves", "Choose raw");
            if (request.Warm is { ReadBack: ReadBackScope.Changed }) throw MigrationErrors.BadPlan("read-back", "a disk goes to a block device or an NBD export, which do not show whether anybody has written there between two passes", "Have all of it read back at the end");
            if (request.Transfer.Name is not (TransferPlan.Auto or TransferPlan.Stream)) throw MigrationErrors.BadPlan("transfer", $"a disk goes to a block device or an NBD export, and {request.Transfer.Name} is asked for", "Choose auto or stream");
            if (request.Target.Disks.Select(d => d.Disk).Distinct(StringComparer.Ordinal).Count() != request.Target.Disks.Count) throw MigrationErrors.BadPlan("disk targets", "a disk is named twice", "Name each once");
            if (request.Target.Disks.FirstOrDefault(d => d.Export is null && !Path.IsPathFullyQualified(d.Device)) is { } relative) throw MigrationErrors.BadPlan("disk targets", $"{relative.Device} is not absolute", "Give absolute paths");
        }

        if (request.Waivers.Count > 0 && !request.Check) throw MigrationErrors.BadPlan("waivers", "findings are waived and file systems are not checked", "Leave out the one or the other");
        if (request.LuksKeys.Count > 0 && !request.Check) throw MigrationErrors.BadPlan("keys of encrypted volumes", "they are given and file systems are not checked, so that a wrong one would be found only after the copy", "Leave out --no-check");
        if (request.BootDeadline is { } deadline && (deadline < TimeSpan.FromSeconds(1) || deadline > TimeSpan.FromDays(1))) throw MigrationErrors.BadPlan("boot deadline", $"{deadline} is not between a second and a day", "Give a time such as 5m");
        // Throws SL2001 or SL2002 where hash or block size are unknown, before anything is journaled.
        var parameters = new BlkhashParameters(BlkhashParameters.ParseAlgorithm(request.Algorithm), request.BlockBytes);
        if (parameters.BlockBytes < 512) throw MigrationErrors.BadPlan("block size", $"{parameters.BlockBytes} bytes are less than a sector", "Choose 64 KiB, or at least 512 bytes");
    }
}

/// <summary>What a removal did.</summary>
/// <param name="Removed">Paths that are gone.</param>
/// <param name="Kept">Paths that stayed, each with the reason.</param>
public sealed record RemovalReport(IReadOnlyList<string> Removed, IReadOnlyList<string> Kept);
