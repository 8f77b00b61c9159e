using System.Runtime.ExceptionServices;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>The running machine that a migration copies from, and the passes over its disks.</summary>
internal sealed class WarmMachine : IAsyncDisposable
{
    private const long AssumedBytesPerSecond = 100L << 20;

    private readonly MigrationContext context;
    private readonly IRunningMachine machine;
    private readonly WorkDirectory sockets = new();

    private WarmMachine(MigrationContext context, IRunningMachine machine) => (this.context, this.machine) = (context, machine);

    private WarmPlan Plan => context.Request.Warm!;

    private DateTimeOffset LastPoint => context.Journal.Passes(context.Id)[^1] is var pass ? pass.PointInTime ?? pass.StartedAt : default;

    private string Owner => OwnerOf(context.Id);

    private string ScratchDirectory => machine.ScratchDirectory(Plan.ScratchDirectory, context.Scratch);

    /// <summary>What the names of everything begin with that a migration makes at its source.</summary>
    public static string OwnerOf(string id) => RunningSource.Prefix + id;

    /// <summary>The source as it was found when the migration began: by whatever does not change where it is renamed or moved.</summary>
    private static string NameOf(MigrationContext context) => context.Source.RunningName ?? context.Request.Sources[0];

    /// <summary>Connects, and takes back what an earlier run of this migration that was killed has left there; its bitmaps stay.</summary>
    public static async Task<WarmMachine> ConnectAsync(MigrationContext context, CancellationToken cancel) =>
        await TidiedAsync(context, await RunningSource.ConnectAsync(NameOf(context), context.Store.Servers, cancel), cancel);

    /// <summary>The same, or null where there is no such machine any more.</summary>
    public static async Task<WarmMachine?> ConnectIfThereAsync(MigrationContext context, CancellationToken cancel) =>
        await RunningSource.ConnectIfThereAsync(NameOf(context), context.Store.Servers, cancel) is { } machine ? await TidiedAsync(context, machine, cancel) : null;

    private static async Task<WarmMachine> TidiedAsync(MigrationContext context, IRunningMachine machine, CancellationToken cancel)
    {
        try
        {
            await machine.RemoveAsync(OwnerOf(context.Id), keepBitmaps: true, cancel);
            await machine.RemoveAsync(RunningPoint.Owner, keepBitmaps: false, cancel);
            var tidied = new WarmMachine(context, machine);
            await machine.RemoveScratchAsync(tidied.ScratchDirectory, tidied.Owner, cancel);
            return tidied;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Whether the copied disks show that somebody has written to them. Where one is on a device, an export or another host, which do not as a file here does, nothing that a
    /// pass has read back counts later: all of them is read back at the end.
    /// </summary>
    public static bool ShowsWrites(MigrationContext context) => context.Request.Target.Disks.Count == 0 && context.Far is null;

    /// <summary>Throws unless the machine that was shut down at the cutover is still off, and nobody has written to its disks.</summary>
    /// <exception cref="SealiftException">SL7307.</exception>
    public static async Task VerifyOffAsync(MigrationContext context, CancellationToken cancel)
    {
        await using var machine = await ConnectIfThereAsync(context, cancel);
        // Whoever ended QEMU has switched the machine off: there is nobody left to write through it.
        if (machine is null) context.Events.Send(new Note(StepName.Gate, "the source's machine is gone since it was shut down"));
        else if (await machine.StirredAsync(cancel) is { } stirred) throw MigrationErrors.SourceWentOn(context.Source.Machine.Name, stirred);
    }

    /// <summary>Runs a pass over all disks.</summary>
    /// <param name="isFinal">Whether the machine is off or stopped.</param>
    /// <param name="audit">How much of what the tracker calls unchanged is looked at.</param>
    /// <param name="step">What the progress is told of.</param>
    /// <param name="cancel">Stops it; the next pass copies what this one did not.</param>
    public async Task<PassRecord> PassAsync(bool isFinal, AuditScope audit, string step, CancellationToken cancel)
    {
        var passes = context.Journal.Passes(context.Id);
        if (Plan.UseTracker && !isFinal && passes.All(p => !p.IsDone)) await machine.BeginTrackingAsync(Owner, cancel);
        var number = passes.Count == 0 ? 0 : passes[^1].Number + 1;
        var now = await machine.DisksAsync(cancel);
        var disks = WarmChain.Next(context.Source.Machine.Disks, now, passes, Plan.UseTracker);
        // Before a point in time is made or a byte written: a target may be what the machine has any of its disks on, not only the one that goes there.
        foreach (var disk in disks)
        {
            foreach (var own in now) TargetPlaces.DemandNotSource(context, disk.Key, own.File);
        }

        foreach (var disk in disks.Where(d => d.FullBecause is not null && passes.Count > 0)) context.Events.Send(new Note(step, $"{disk.Key}: everything is read and compared: {disk.FullBecause}"));
        var record = new PassRecord(number, isFinal, $"{Owner}-{number}", DateTimeOffset.UtcNow, audit, disks);
        context.Journal.PassPlanned(context.Id, record); // before the source is touched: whatever is found there later is known
        IReadOnlyList<FrozenDisk> frozen = [.. disks.Select(d => new FrozenDisk(d.Key, d.Node, d.LengthBytes, d.Since))];
        if (!isFinal && await machine.FreeBytesAsync(ScratchDirectory, cancel) is var free && !ScratchWatch.HasRoom(machine, free)) throw MigrationErrors.ScratchFull(machine.RoomOf(ScratchDirectory), free);
        var done = new List<PassDisk>();
        await using (var point = isFinal
            ? await machine.ShowStoppedAsync(Owner, record.Bitmap, frozen, ScratchDirectory, sockets.Path, cancel)
            : await machine.FreezeAsync(Owner, record.Bitmap, frozen, ScratchDirectory, sockets.Path, cancel))
        {
            record = record with { PointInTime = DateTimeOffset.UtcNow, Consistency = point.Consistency };
            // A machine that is off overwrites nothing.
            await using var scratch = isFinal ? null : new ScratchWatch(machine, ScratchDirectory);
            using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel, scratch?.Low ?? CancellationToken.None);
            try
            {
                foreach (var disk in disks) done.Add(await DiskAsync(point, disk, now.Single(d => d.Identity == disk.Identity).Place, record, passes, step, giveUp.Token));
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested && giveUp.IsCancellationRequested)
            {
                if (scratch?.NotMeasured is { } lost) ExceptionDispatchInfo.Throw(lost);
                throw MigrationErrors.ScratchFull(machine.RoomOf(ScratchDirectory), await machine.FreeBytesAsync(ScratchDirectory, cancel));
            }
        }

        record = record with { Disks = done, EndedAt = DateTimeOffset.UtcNow };
        context.Journal.PassDone(context.Id, record);
        // Only now are the older ones of no more use to anybody.
        await machine.ForgetAsync([.. passes.Select(p => p.Bitmap)], cancel);
        context.Events.Send(new PassFinished(step, record));
        return record;
    }

    /// <summary>Bytes that changed since the last pass that was done, as the trackers have it; null where they say nothing.</summary>
    public async Task<long?> ChangedBytesAsync(CancellationToken cancel)
    {
        var now = await machine.DisksAsync(cancel);
        var next = WarmChain.Next(context.Source.Machine.Disks, now, context.Journal.Passes(context.Id), Plan.UseTracker);
        if (next.Any(d => d.FullBecause is not null)) return null;
        if (now.Any(d => d.Record is not null)) return Expected(context.Journal.Passes(context.Id), DateTimeOffset.UtcNow);
        return now.Sum(d => d.Bitmaps.Where(b => next.Any(n => n.Node == d.Node && n.Since.Contains(b.Name))).Sum(b => b.DirtyBytes));
    }

    /// <summary>What has changed since the last pass where the tracker cannot be asked without another point in time: at the pace at which it did before that. Null before two passes.</summary>
    internal static long? Expected(IReadOnlyList<PassRecord> passes, DateTimeOffset now)
    {
        if (passes.Where(p => p is { IsDone: true, PointInTime: not null }).TakeLast(2).ToList() is not [var before, var last] || last.Disks.Any(d => d.FullBecause is not null)) return null;
        var seconds = Math.Max(1, (last.PointInTime!.Value - before.PointInTime!.Value).TotalSeconds);
        return (long)(last.Disks.Sum(d => d.ClaimedBytes) / seconds * Math.Max(0, (now - last.PointInTime.Value).TotalSeconds));
    }

    /// <summary>How long copying some bytes takes, by the fastest of the passes so far.</summary>
    public TimeSpan Estimate(long bytes)
    {
        var rates = context.Journal.Passes(context.Id).Where(p => p.Seconds > 0).Select(p => p.Disks.Sum(d => d.ReadBytes) / p.Seconds).Where(r => r > 1 << 20).ToList();
        return TimeSpan.FromSeconds(bytes / (rates.Count > 0 ? rates.Max() : AssumedBytesPerSecond));
    }

    /// <summary>How long a full audit takes: all that is not a hole is read.</summary>
    public TimeSpan EstimateAudit()
    {
        long bytes = 0;
        foreach (var disk in context.Source.Machine.Disks)
        {
            using var map = BlockMap.Open(context.SourceMapPath(disk.Key));
            bytes += map.Runs().Where(r => r.State != BlockState.Hole).Sum(map.BytesOf);
        }

        return Estimate(bytes);
    }

    /// <inheritdoc cref="IRunningMachine.IsStoppedAsync"/>
    public Task<bool> IsStoppedAsync(CancellationToken cancel) => machine.IsStoppedAsync(cancel);

    /// <inheritdoc cref="IRunningMachine.IsOffAsync"/>
    public Task<bool> IsOffAsync(CancellationToken cancel) => machine.IsOffAsync(cancel);

    /// <inheritdoc cref="IRunningMachine.ShutDownAsync"/>
    public Task<bool> ShutDownAsync(CancellationToken cancel) => machine.ShutDownAsync(Plan.ShutdownDeadline, Plan.ForceOff, cancel);

    /// <summary>What has happened to the machine since the last pass, with it off; null: nothing.</summary>
    public Task<string?> StirredAsync(CancellationToken cancel) => machine.StirredAsync(context.Journal.Passes(context.Id)[^1].Bitmap, LastPoint, cancel);

    /// <summary>Opens a disk of the machine that is off, to read parts of it again.</summary>
    public async Task<IDiskReader> OpenStoppedAsync(string key, CancellationToken cancel)
    {
        var last = context.Journal.Passes(context.Id)[^1];
        IReadOnlyList<FrozenDisk> frozen = [.. last.Disks.Where(d => d.Key == key).Select(d => new FrozenDisk(d.Key, d.Node, d.LengthBytes, []))];
        var point = await machine.ShowAgainAsync(Owner, last.Bitmap, frozen, ScratchDirectory, sockets.Path, cancel);
        try
        {
            return new StoppedDisk(this, point, (await point.OpenAsync(key, cancel)).Reader);
        }
        catch
        {
            await point.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes everything of this migration's back. The guest goes on as it is.</summary>
    public Task RemoveAsync(bool keepBitmaps, CancellationToken cancel) => machine.RemoveAsync(Owner, keepBitmaps, cancel);

    /// <summary>Starts the guest again where it is off or stopped.</summary>
    /// <returns>Whether it was.</returns>
    public async Task<bool> StartAgainAsync(CancellationToken cancel)
    {
        if (!await machine.IsStoppedAsync(cancel)) return false;
        await machine.StartAgainAsync(cancel);
        return true;
    }

    /// <summary>Leaves the machine, whose guest has been migrated, off.</summary>
    public Task QuitAsync(CancellationToken cancel) => machine.QuitAsync(cancel);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await machine.DisposeAsync();
        sockets.Dispose();
    }

    private async Task<PassDisk> DiskAsync(PointInTime point, PassDisk disk, TransferEnd place, PassRecord pass, IReadOnlyList<PassRecord> earlier, string step, CancellationToken cancel)
    {
        await TargetPlaces.VerifyAsync(context, disk.Key, cancel);
        await using var source = await point.OpenAsync(disk.Key, cancel);
        var before = CopyTargets.Interrupted(context, disk.Key, disk.LengthBytes, step);
        if (before is null) await TargetPlaces.BeginAsync(context, disk.Key, disk.LengthBytes, cancel);
        var isNew = before is null;
        if (isNew && source.ReadBy is { } way) context.Events.Send(new Note(step, $"{disk.Key} is read by {way}{string.Concat(source.PassedOver.Select(p => $"; not by {p}"))}"));
        using var map = before ?? await CopyTargets.BeginAsync(context, disk.Key, disk.LengthBytes, cancel);
        var changed = disk.FullBecause is null && !isNew ? await ChangedAsync() : null;
        var last = earlier.LastOrDefault(p => p.IsDone)?.Disks.FirstOrDefault(d => d.Key == disk.Key);
        using var proven = Plan.ReadsPassesBack && ShowsWrites(context) ? CopyTargets.Proofs(context, disk.Key, map, last?.Target, step) : null;
        // What the last pass writes is read back by the step that follows, with the machine off.
        var isReadBack = proven is not null && !pass.IsFinal;
        if (proven?.UnknownBlocks < proven?.BlockCount) disk = disk with { ProvenSince = last?.ProvenSince };
        var (path, left, copied) = (context.DiskPath(disk.Key), (TargetState?)null, context.CopiedDisk(disk.Key));
        // Also over one that was made by a run which came to no checkpoint.
        await using var offload = map.UnknownBlocks == map.BlockCount ? await WarmOffload.PrefillAsync(context, disk, place, step, cancel) : null;
        await using var target = await copied.OpenWriteAsync(disk.LengthBytes, context.Scratch, cancel);
        await using var proving = isReadBack ? await copied.OpenUncachedWhileWrittenAsync(disk.LengthBytes, cancel) : null;
        var planned = new PlannedStep(step, disk.Key);
        var plan = new WarmPassPlan(changed, pass.Audit) { Proven = proven, Proving = proving, OnClosed = () => left = TargetState.Of(path) };
        var result = await WarmPass.RunAsync(source.Reader, target, map, plan, context.Copying with { TargetReadsZeroes = isNew && offload?.Disk is null && !TargetPlaces.IsInPlace(context, disk.Key), Prefilled = offload?.Disk }, _ => context.Events.Progress(planned), cancel);
        if (isReadBack) disk = await PassProof.RunAsync(context, disk, async c => (await point.OpenAsync(disk.Key, c)).Reader, map, proven!, result.Found, left!, step, cancel);
        else if (proven is not null) disk = disk with { Target = left };
        proven?.Close();
        map.Close();
        if (result.LieBytes > 0)
            context.Events.Send(new Note(step, $"{disk.Key}: the change tracker lied: {result.LieBytes} bytes had changed that it called unchanged, the first at offset {result.Lies[0].Offset}. They were copied, and it is no longer believed"));
        return disk with
        {
            FullBecause = disk.FullBecause ?? (isNew ? "what was copied before is gone" : null),
            ClaimedBytes = result.ClaimedBytes,
            ReadBytes = result.ReadBytes,
            ComparedBytes = result.ComparedBytes,
            LieBytes = result.LieBytes,
            Mark = point.MarkOf(disk.Key),
            ReadBy = source.ReadBy,
            Lies = result.Lies,
            Root = MigrationContext.Hex(result.Copied.Root),
            Transfer = offload?.Report,
        };

        async Task<BlockSet?> ChangedAsync()
        {
            try
            {
                return await source.ChangedAsync(context.Hash.BlockBytes, cancel);
            }
            catch (SealiftException e) when (RunningSource.IsTrackerRefusal(e))
            {
                disk = disk with { FullBecause = $"the change tracker does not answer: {e.InnerException?.Message ?? e.Message}" };
                context.Events.Send(new Note(step, $"{disk.Key}: everything is read and compared: {disk.FullBecause}"));
                return null;
            }
        }
    }

    /// <summary>A disk of a machine that is off, and the connection that it is read over.</summary>
    private sealed class StoppedDisk(WarmMachine machine, PointInTime point, IDiskReader disk) : ForwardedDisk(disk)
    {
        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await point.DisposeAsync();
            await machine.DisposeAsync();
        }
    }
}
