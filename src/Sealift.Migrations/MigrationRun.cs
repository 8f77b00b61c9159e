using System.Diagnostics;
using Sealift.Migrations.Seals;
using Sealift.Migrations.Steps;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>One process's work on one migration: from the first step that is not done to a verdict.</summary>
internal sealed class MigrationRun
{
    // "Within two seconds", as the runner promises; one small query.
    private static readonly TimeSpan CancelPollInterval = TimeSpan.FromSeconds(1);

    private readonly MigrationContext context;
    private readonly EventSink events;
    private readonly bool resumed;
    private readonly CancellationToken leaveOff;
    private bool commitDecided;
    private Step? current;
    private Stopwatch elapsed = new();
    private bool keepsHalfCopy;
    private bool mayHaveLostWrites;

    public MigrationRun(MigrationStore store, MigrationRow row, MigrationTerms terms, IMigrationObserver observer, bool resumed)
    {
        events = new EventSink(observer);
        context = new MigrationContext(store, row, terms, events);
        leaveOff = terms.LeaveOff;
        commitDecided = row.CommitDecided;
        this.resumed = resumed;
        Machine = row.Machine;
    }

    private string Machine { get; }

    private Journal Journal => context.Journal;

    public async Task<MigrationOutcome> RunAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, leaveOff);
        using var endWatch = new CancellationTokenSource();
        if (Journal.IsCancelRequested(context.Id)) await stop.CancelAsync();
        var watch = WatchForCancelAsync(stop, endWatch.Token);
        MigrationOutcome outcome;
        try
        {
            events.Send(new MigrationStarted(context.Id, resumed, Machine.Length > 0 ? Machine : Path.GetFileName(context.Request.Sources[0]), context.Request.TargetDirectory));
            outcome = await RunStepsAsync(stop.Token);
        }
        catch (Exception) when (events.IsAbandoned)
        {
            events.ThrowIfAbandoned(); // what the observer threw, not what it caused on its way here
            throw;
        }
        catch (Exception e) when (leaveOff.IsCancellationRequested)
        {
            // Whatever it was that the leaving off made of what was under way: as after the death of a process, a resume finds out.
            throw new OperationCanceledException("It left off, and can be resumed.", e, leaveOff);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            outcome = await EndAsync(Verdict.Cancelled, ["It was cancelled; nothing was handed over."], ["Remove what was copied with `sealift remove`, or start a new migration."], final: true);
        }
        catch (SealiftException e)
        {
            outcome = await FailAsync(e);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A defect is a verdict too: nothing may end without one.
            outcome = await FailAsync(MigrationErrors.Unexpected(current?.Planned.Step ?? "the migration", e));
        }
        finally
        {
            await endWatch.CancelAsync();
            await watch;
            if (context.Far is not null) await context.Far.DisposeAsync();
        }

        events.Send(new MigrationFinished(outcome));
        return outcome;
    }

    private async Task<MigrationOutcome> RunStepsAsync(CancellationToken cancel)
    {
        // The seal is the last act: what is left after it is tidying up, and no longer depends on the source or on anybody's wish.
        var isSealed = Journal.IsSealed(context.Id);
        cancel.ThrowIfCancellationRequestedUnless(commitDecided || isSealed);
        if (!isSealed) Prepare();
        Journal.Plan(context.Id, [new PlannedStep(StepName.Describe, string.Empty)]);
        var describe = new DescribeStep();
        await RunStepAsync(describe, cancel);
        // Never two points in time: whatever was copied earlier is worth nothing if the source is another by now.
        if (!isSealed) context.Source.VerifyUnchanged();
        // Nothing of ours bears a final name before the gate: a run that was killed while it took a hand-over back left some.
        if (context.Find(StepName.Gate, string.Empty, JournalJson.Default.GateDecision) is null)
        {
            await DefinedDomain.TakeBackAsync(context, CancellationToken.None);
            HandOverMoves.TakeBack(context);
            if (context.Far is not null) await context.Far.TakeBackAsync(CancellationToken.None);
        }

        var steps = MigrationSteps.For(context.Request, context.Source.Machine);
        Journal.Plan(context.Id, [.. steps.Select(s => s.Planned)]);
        foreach (var step in steps.Skip(1)) await RunStepAsync(step, cancel);
        current = null;
        if (context.Request.Warm is not null) await LeaveSourceAsync();
        return await HandedOverAsync();
    }

    /// <summary>
    /// The machine has been handed over: nothing of ours stays at the source, and its QEMU, which was kept only to be read, ends. What
    /// cannot be done is told: the seal stands.
    /// </summary>
    private async Task LeaveSourceAsync()
    {
        try
        {
            await using var machine = await WarmMachine.ConnectIfThereAsync(context, CancellationToken.None);
            if (machine is null) return; // it has ended already: that is how it should be left
            await machine.RemoveAsync(keepBitmaps: false, CancellationToken.None);
            await machine.QuitAsync(CancellationToken.None);
        }
        catch (SealiftException e)
        {
            events.Send(new Note(StepName.Seal, $"the source could not be left as it should be: {e.Message}"));
        }
    }

    /// <summary>
    /// The migration ends without a hand-over: what was made at the source is taken back, but for the bitmaps with which it can go on; and
    /// the guest is started again where the plan says so.
    /// </summary>
    private async Task SettleSourceAsync(bool isOver, List<string> troubles)
    {
        if (context.Request.Warm is not { } plan) return;
        try
        {
            // Something was made there at the first pass, or where a server of vSphere was asked for a look.
            if (Journal.Passes(context.Id).Count == 0 && !RunningSource.IsVSphere(context.Request.Sources[0])) return;
            if (context.Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is null) return;
            await using var machine = await WarmMachine.ConnectAsync(context, CancellationToken.None); // which takes exports and jobs back
            if (isOver) await machine.RemoveAsync(keepBitmaps: false, CancellationToken.None);
            var hadBegun = Journal.Steps(context.Id).Any(s => s.Step.Step == StepName.Cutover && s.State != StepState.Planned);
            if (!hadBegun || context.Find(StepName.Precopy, string.Empty, JournalJson.Default.PrecopyStepResult) is { Passes: 0 }) return; // one that was off is left so
            // With the commit decided, the disks are on their way to be the new machine's: two of them must not run.
            if (!plan.RestartSource || commitDecided) events.Send(new Note(StepName.Cutover, await machine.IsStoppedAsync(CancellationToken.None) ? "the guest at the source stays off" : "the guest at the source goes on"));
            else if (await machine.StartAgainAsync(CancellationToken.None))
            {
                // It is followed again, until a cutover is asked for anew: what the last one established is void.
                context.Forget(null, StepName.Precopy, StepName.Cutover, StepName.Copy, StepName.ReadBack);
                Journal.Steer(context.Id, Journal.Steering(context.Id) with { CutoverAt = Steering.WhenAsked });
                events.Send(new Note(StepName.Cutover, "the guest was started again at the source; a resume follows it until `sealift cutover`"));
            }
        }
        catch (Exception e) when (e is SealiftException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            troubles.Add($"The source could not be put in order; `sealift cleanup` shows what is left there: {Told(e)}");
        }
    }

    private async Task RunStepAsync(Step step, CancellationToken cancel)
    {
        var row = Journal.Steps(context.Id).First(r => r.Step == step.Planned);
        leaveOff.ThrowIfCancellationRequested();
        if (row.State == StepState.Done)
        {
            events.Send(new StepFinished(step.Planned.Step, step.Planned.Disk, row.ElapsedSeconds, row.Summary, Earlier: true));
            return;
        }

        // Once the commit is decided it is finished before anything else; once the gate is passed so is the hand-over.
        if (step.IsCancellable || (step is CommitStep && !commitDecided)) cancel.ThrowIfCancellationRequested();
        current = step;
        elapsed = Stopwatch.StartNew();
        Journal.StepStarted(context.Id, step.Planned);
        events.Send(new StepStarted(step.Planned.Step, step.Planned.Disk));
        if (step is CommitStep) commitDecided = true;
        if (context.Far is not null && step.ReachesDisks) await context.Far.ShowAsync(step.IsCancellable ? cancel : CancellationToken.None);
        var result = await step.RunAsync(context, step.IsCancellable ? cancel : CancellationToken.None);
        Journal.StepDone(context.Id, step.Planned, elapsed.Elapsed, result.Summary, result.Json);
        context.Keep(step.Planned, result.Json);
        current = null;
        events.Send(new StepFinished(step.Planned.Step, step.Planned.Disk, elapsed.Elapsed.TotalSeconds, result.Summary, Earlier: false));
    }

    /// <summary>Makes the work directory, and empties what the tools of an interrupted run left in theirs.</summary>
    private void Prepare()
    {
        foreach (var missing in MissingFrom(context.Request.TargetDirectory)) context.Files.OwnDirectory(missing, Artefacts.TargetDirectory, 0x1ED /* 0755 */);
        try
        {
            context.Files.OwnDirectory(context.WorkDirectory, Artefacts.WorkDirectory, 0x1C0 /* 0700 */);
        }
        catch (PosixException e) when (context.Request.Target.Libvirt is not null && e.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
        {
            throw MigrationErrors.PoolNotWritable(context.Request.Target.Libvirt.Pool, context.Request.TargetDirectory, e);
        }

        foreach (var directory in new[] { context.Scratch, HandOverMoves.Papers(context) })
        {
            if (directory == context.Scratch && !context.Files.Remove(directory)) throw MigrationErrors.FileReplaced(directory);
            context.Files.OwnDirectory(directory, Artefacts.ScratchDirectory, 0x1C0 /* 0700 */);
        }
    }

    /// <summary>The directories on the way to the target that are not there, the uppermost first.</summary>
    /// <exception cref="SealiftException">SL7104: something on the way is no directory.</exception>
    private static List<string> MissingFrom(string target)
    {
        var missing = new List<string>();
        var path = target;
        for (; FileFacts.OfPathIfExists(path) is null; path = Path.GetDirectoryName(path)!) missing.Insert(0, path);
        if (!Directory.Exists(path)) throw MigrationErrors.TargetNotDirectory(path, "it is not a directory, nor a link to one");
        return missing;
    }

    private async Task<MigrationOutcome> HandedOverAsync()
    {
        var decision = context.Result(StepName.Gate, string.Empty, JournalJson.Default.GateDecision);
        var seal = context.Result(StepName.Seal, string.Empty, JournalJson.Default.SealStepResult);
        var names = new TargetNames(context.Request, context.Source.Machine);
        var outcome = new MigrationOutcome(context.Id, decision.Verdict, seal.SealPath, seal.PagePath, names.Domain, names.StartScript, decision.Reasons, CanResume: false)
        {
            DefinedDomain = context.Request.Target.Libvirt is { } libvirt ? DefinedDomain.NameOf(libvirt, context.Source.Machine.FileName) : null,
        };
        // The seal stands, and so does its verdict. What cannot be written down is told; a resume then only tidies up.
        var troubles = new List<string>();
        Try(() => Journal.MarkHandedOver(context.Id, [.. names.All, .. Journal.Artefacts(context.Id).Where(a => a.Kind is Artefacts.DefinedDomain or Artefacts.FarVolume).Select(a => a.Path)]), troubles);
        // Not before the seal: a guest that runs changes its disks, and a host that starts would start a machine that nobody has sealed.
        var unstarted = troubles.Count == 0 ? await PowerAsync() : null;
        if (unstarted is not null) outcome = outcome with { Reasons = [.. outcome.Reasons, unstarted], CanResume = true };
        if (troubles.Count == 0)
        {
            Try(
                () =>
                {
                    TidyUp(names);
                    Journal.Finish(context.Id, outcome, final: unstarted is null);
                },
                troubles);
        }

        // The seal is there now, and the work directory is not.
        if (context.Request.Target.Libvirt is { } receiver) _ = await DefinedDomain.RefreshAsync(receiver, CancellationToken.None); // what libvirt lists for a while is no harm
        return troubles.Count == 0 ? outcome : outcome with { Reasons = [.. outcome.Reasons, .. troubles], CanResume = true };
    }

    /// <summary>Starts the new machine where the plan says so.</summary>
    /// <returns>Why that could not be done; null where it was, or was not asked for.</returns>
    private async Task<string?> PowerAsync()
    {
        try
        {
            await DefinedDomain.PowerAsync(context, CancellationToken.None);
            return null;
        }
        catch (SealiftException e)
        {
            return e.Message; // the seal stands, and so does the domain; a resume tries again
        }
    }

    /// <summary>Removes the scaffolding. If it cannot be removed now, `remove` will.</summary>
    private void TidyUp(TargetNames names)
    {
        // The names of a guest's files are kept no longer than they are needed.
        Try(() => FileListing.Drop(context.FilesBefore), []);
        foreach (var artefact in Journal.Artefacts(context.Id).Where(a => !a.HandedOver && a.Kind != Artefacts.TargetDirectory && !Artefacts.IsNoFile(a.Kind) && !names.All.Contains(a.Path)).OrderByDescending(a => a.Path.Length))
        {
            var troubles = new List<string>();
            Try(
                () =>
                {
                    if (!context.Files.Remove(artefact.Path)) troubles.Add("it is not what Sealift made, or holds something else");
                },
                troubles);
            foreach (var trouble in troubles) events.Send(new Note(StepName.Seal, $"{artefact.Path} stays: {trouble}"));
        }
    }

    private async Task<MigrationOutcome> FailAsync(SealiftException cause)
    {
        if (current is not null)
        {
            if (cause is StepRefused refused) context.KeepRefused(current.Planned, refused.Json);
            Try(() => Journal.StepFailed(context.Id, current.Planned, elapsed.Elapsed, cause.Message), []);
            events.Send(new StepFailed(current.Planned.Step, current.Planned.Disk, cause.Message));
        }

        var final = IsFinal(cause);
        keepsHalfCopy = !final && !LacksSpace(cause);
        mayHaveLostWrites = cause.Code == LibvirtHost.ServerEndedBadlyCode;
        IReadOnlyList<string> more = context.Far is { IsServing: true } && TargetPlaces.IsOfTarget(context, cause) ? await context.Far.LastWordsAsync() : [];
        return await EndAsync(Verdict.Failed, [cause.Message, .. more], [$"{cause.NextStep}."], final);
    }

    /// <summary>
    /// A source that changed, damage in it, a plan that does not accept what was found, or a gate that stays closed: trying again cannot
    /// end otherwise. Where only a system call failed, it can.
    /// </summary>
    private static bool IsFinal(SealiftException cause) => cause.Code is "SL6003" or "SL4201" or "SL7201" or "SL7203" or "SL7205" or "SL7206" or "SL7207" or "SL7208" or "SL7210" or "SL7307";

    /// <summary>Ends without a hand-over: undoes what must not stay, writes the report, journals the verdict.</summary>
    private async Task<MigrationOutcome> EndAsync(Verdict verdict, IReadOnlyList<string> reasons, IReadOnlyList<string> nextSteps, bool final)
    {
        var troubles = new List<string>();
        Try(() => nextSteps = [.. nextSteps, .. TargetPlaces.Touched(context).Select(d => $"{d} holds parts of a machine that was not proven: it is not to be used until another migration or copy to it was.")], troubles);
        SealPredicate? predicate = null;
        var name = "report";
        Try(
            () =>
            {
                predicate = SealAssembly.Of(context, verdict, reasons, nextSteps);
                if (context.Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is { } source) name = source.Machine.FileName;
            },
            troubles);
        // The report speaks of what was established; from here on some of it is taken back.
        await SettleSourceAsync(final, troubles);
        await TakeDomainBackAsync(troubles);
        Try(Undo, troubles);
        await SettleFarAsync(troubles);
        Try(Dismantle, troubles);
        if (context.Request.Target.Libvirt is { } libvirt)
        {
            var stays = true; // as long as the journal does not say otherwise
            Try(() => stays = DefinedDomain.IsJournaled(context), troubles);
            // Whatever the cause was: only a resume can take back what is still there.
            if (stays) final = false;
            else _ = await DefinedDomain.RefreshAsync(libvirt, CancellationToken.None); // what libvirt lists for a while is no harm
        }

        SealFiles? report = null;
        if (predicate is not null)
        {
            Try(
                () =>
                {
                    using var key = SealKey.OpenOrCreate(context.Store.StateDirectory);
                    report = SealWriter.Write(context.StateDirectory, name, predicate, key, replace: true);
                },
                troubles);
            // Beside what was copied as well, where there is room; the state directory's is the one that counts.
            if (report is not null && context.Files.IsOurs(HandOverMoves.Papers(context))) Try(() => CopyReport(report), []);
        }

        var outcome = new MigrationOutcome(context.Id, verdict, report?.SealPath, report?.PagePath, null, null, [.. reasons, .. troubles], CanResume: !final);
        var unwritten = new List<string>();
        Try(() => Journal.Finish(context.Id, outcome, final), unwritten);
        // Not journaled, the migration stays "interrupted" and can be resumed; whoever is waiting is told the truth all the same.
        return unwritten.Count == 0 ? outcome : outcome with { Reasons = [.. outcome.Reasons, .. unwritten] };
    }

    private void CopyReport(SealFiles report)
    {
        foreach (var path in new[] { report.PagePath, report.SealPath })
            PosixPath.WriteFileDurably(Path.Combine(HandOverMoves.Papers(context), Path.GetFileName(path)), File.ReadAllBytes(path), replace: true);
    }

    /// <summary>Before the disks that it names are taken away from it.</summary>
    private async Task TakeDomainBackAsync(List<string> troubles)
    {
        try
        {
            if (!DefinedDomain.IsJournaled(context)) return;
            // Voided first, as where files are taken back.
            context.Forget(null, StepName.Gate, StepName.HandOver, StepName.Seal);
            await DefinedDomain.TakeBackAsync(context, CancellationToken.None);
            if (DefinedDomain.IsJournaled(context)) troubles.Add("libvirt did not answer, and may define the domain yet; what was handed over by halves stays until a resume has taken it back.");
        }
        catch (SealiftException e)
        {
            troubles.Add($"What was handed over by halves could not be taken back; a resume does that first: {e.Message}");
        }
    }

    /// <summary>What was made on another host, as far as nothing of it is of use.</summary>
    private async Task SettleFarAsync(List<string> troubles)
    {
        if (context.Far is null || context.Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is null) return;
        try
        {
            // A domain that could not be undefined keeps its disks until it can be.
            if (!DefinedDomain.IsJournaled(context)) await context.Far.TakeBackAsync(CancellationToken.None);
            await context.Far.SettleAsync(CancellationToken.None);
        }
        catch (SealiftException e)
        {
            troubles.Add($"What was made on the other host could not be put in order; a resume, or `sealift remove`, does that: {e.Message}");
        }
    }

    private void Undo()
    {
        if (context.Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is not { } source) return;
        // Voided before anything is moved: killed in between, a resume passes the gate anew and never goes on from a hand-over of
        // which half was taken back.
        context.Forget(null, StepName.Gate, StepName.HandOver, StepName.Seal);
        // A domain that could not be undefined keeps its disks until it can be.
        if (!DefinedDomain.IsJournaled(context)) HandOverMoves.TakeBack(context);
        // What the server of a volume wrote last: what was read back before that counts no more.
        if (mayHaveLostWrites) context.Forget(null, context.Request.Convert && commitDecided ? StepName.Prove : StepName.ReadBack);
        var failed = current?.Planned;
        // A resume goes on with what was copied half-way. Where there will be none it is of no use to anybody, and where space was
        // lacking it would take that of others: a resume begins it anew then, as it does with a disk that did not read back.
        if (failed?.Step == StepName.ReadBack) context.Forget(failed.Disk, StepName.Copy, StepName.ReadBack);
        if (failed?.Step == StepName.ReadBack)
        {
            RemoveIfMade(context.SourceMapPath(failed.Disk));
            RemoveIfMade(context.ProvenMapPath(failed.Disk));
            // Of a machine that ran, it is the last pass that copies it anew.
            if (context.Request.Warm is not null) context.Forget(null, StepName.Cutover);
        }

        if (failed?.Step == StepName.Copy && !(keepsHalfCopy && CopyTargets.CanGoOn(context, failed.Disk)))
        {
            RemoveIfMade(context.SourceMapPath(failed.Disk));
            RemoveIfMade(context.DiskPath(failed.Disk));
        }

        if (!context.Request.Convert) return;
        if (Journal.Migration(context.Id).CommitDecided)
        {
            // The overlays stay: only with them can a resume bring every disk to the same state. A disk that did not read back is written again.
            if (failed?.Step == StepName.Prove) context.Forget(failed.Disk, StepName.Commit, StepName.Prove);
            if (failed?.Step == StepName.CheckCommitted) context.Forget(null, StepName.Commit, StepName.Prove);
            return;
        }

        // The copied disks stay as they arrived.
        foreach (var disk in source.Machine.Disks)
        {
            RemoveIfMade(context.OverlayPath(disk.Key));
            RemoveIfMade(context.FinalMapPath(disk.Key));
        }

        RemoveIfMade(context.FileChangesPath);
        context.Forget(null, StepName.Convert, StepName.CheckTarget);
    }

    private void RemoveIfMade(string path)
    {
        if (context.Files.Find(path) is not null && !context.Files.Remove(path)) throw MigrationErrors.FileReplaced(path);
    }

    /// <summary>Where no disk was copied, nothing stays in the target, not even directories. A resume makes them anew.</summary>
    private void Dismantle()
    {
        var made = Journal.Artefacts(context.Id);
        if (made.Any(a => a.Kind is Artefacts.Disk or Artefacts.ClonedDisk && FileFacts.OfPathIfExists(a.Path) is not null)) return;
        // What had to be unpacked is worth keeping for a resume once it was read.
        var keepsUnpacked = context.Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is { CreatedFiles.Count: > 0 };
        foreach (var artefact in made.Where(a => !Artefacts.IsNoFile(a.Kind) && !(keepsUnpacked && a.Path == context.Unpacked)).OrderByDescending(a => a.Path.Length))
            _ = context.Files.Remove(artefact.Path); // false: it holds something else, which stays
    }

    /// <summary>Whether there was no room for what was written.</summary>
    private static bool LacksSpace(Exception? cause) => cause switch
    {
        null => false,
        PosixException { Errno: Errno.ENOSPC or Errno.EDQUOT } or NbdServerException { ErrnoName: nameof(Errno.ENOSPC) } => true,
        _ => LacksSpace(cause.InnerException),
    };

    /// <summary>Cleaning up after a failure must not hide the failure: what goes wrong here is told beside it.</summary>
    private static void Try(Action action, List<string> troubles)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is SealiftException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            troubles.Add(Told(e));
        }
    }

    private static string Told(Exception error) => error is SealiftException ? error.Message : $"{error.GetType().Name}: {error.Message}";

    private async Task WatchForCancelAsync(CancellationTokenSource stop, CancellationToken end)
    {
        using var timer = new PeriodicTimer(CancelPollInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                try
                {
                    if (Journal.IsCancelRequested(context.Id)) await stop.CancelAsync();
                }
                catch (SealiftException)
                {
                    // The journal cannot be read now. If that stays so, the next step's own record fails with the whole story and ends the
                    // run; if it passes, a cancellation is still heard.
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The run is over: that is how this loop ends.
        }
    }
}

/// <summary>Cancellation that a decided commit overrules.</summary>
internal static class DecidedCommit
{
    public static void ThrowIfCancellationRequestedUnless(this CancellationToken cancel, bool decided)
    {
        if (!decided) cancel.ThrowIfCancellationRequested();
    }
}
