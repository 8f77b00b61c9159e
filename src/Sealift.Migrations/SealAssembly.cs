using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Seals;
using Sealift.Migrations.Steps;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>Puts together what a seal says out of what the journal holds, however far the migration came.</summary>
internal static class SealAssembly
{
    public static SealPredicate Of(MigrationContext context, Verdict verdict, IReadOnlyList<string> reasons, IReadOnlyList<string> nextSteps)
    {
        var rows = context.Journal.Steps(context.Id).Where(r => r.StartedAt is not null && r.Step.Step != StepName.Seal).ToList();
        var source = context.Evidence(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine) is { } described ? context.AsCopied(described) : null;
        var before = context.Evidence(StepName.CheckSource, string.Empty, JournalJson.Default.GuestReport);
        var after = context.Evidence(StepName.CheckTarget, string.Empty, JournalJson.Default.GuestReport);
        var convert = context.Evidence(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult);
        var committed = context.Evidence(StepName.CheckCommitted, string.Empty, JournalJson.Default.GuestReport);
        var boot = context.Evidence(StepName.BootCheck, string.Empty, JournalJson.Default.BootReport);
        var handedOver = verdict is Verdict.Sealed or Verdict.Degraded ? context.Find(StepName.HandOver, string.Empty, JournalJson.Default.HandOverStepResult) : null;
        var inspection = (after ?? before)?.Inspection;
        return new SealPredicate
        {
            MigrationId = context.Id,
            Verdict = verdict,
            Reasons = reasons.Count > 0 ? reasons : ["Every required check passed: each disk was read back as it was copied, and nothing was left out."],
            NextSteps = nextSteps,
            StartedAt = context.CreatedAt,
            FinishedAt = rows.Select(r => r.EndedAt).Max() ?? DateTimeOffset.UtcNow,
            Machine = source is null ? UnknownMachine(context) : SealedMachine.Of(source.Machine, inspection) with { Concerns = [.. source.Machine.Concerns, .. handedOver?.Concerns ?? []] },
            Source = new SealedSource
            {
                Kind = source?.Kind ?? "image",
                Location = string.Join(", ", context.Request.Sources),
                Files = source is null ? [] : [.. source.Files.Where(f => !source.CreatedFiles.Contains(f.Path)).Select(f => SealedSourceFile.Of(f.Path, f.Facts))],
                Notes = source?.Notes ?? [],
            },
            Disks = source is null ? [] : [.. source.Machine.Disks.Select(d => DiskOf(context, d, convert, handedOver))],
            FilesystemsBefore = [.. (before?.Inspection.Filesystems ?? []).Select(SealedFilesystem.Of)],
            FilesystemsAfter = [.. (after?.Inspection.Filesystems ?? []).Select(SealedFilesystem.Of)],
            FindingsBefore = before is null ? [] : Sealed(DamageWeighing.Before(before.Findings, context.Request.Waivers)),
            FindingsAfter = [.. Sealed(DamageWeighing.After(before?.Findings, [.. after?.Findings ?? [], .. convert?.Conversion.Findings ?? [], .. boot is { Outcome: BootOutcome.Failed } && BootCheckStep.FindingOf(boot) is { } failed ? new[] { failed } : []], context.Request.Waivers)), .. Committed(context, after, committed)],
            Points = source is null ? null : CheckPoints.Of(context),
            NotChecked = [.. (inspection?.Filesystems ?? []).Where(f => f.CheckedBy.Length == 0).Select(f => $"{f.Device}: {(f.Why.Length > 0 ? f.Why : $"no checker covers {f.Type}")}.")],
            FileChanges = after?.FileChanges is not { } changes ? null : SealedFileChanges.Of(changes, handedOver?.Files.FirstOrDefault(f => f.Role == SealedFileChanges.ListRole)?.Name ?? string.Empty),
            Passes = [.. context.Journal.Passes(context.Id).Where(p => p.IsDone).Select(SealedPass.Of)],
            Boot = boot is null ? null : SealedBoot.Of(boot),
            NotProven = [.. NotProven(boot), .. context.Request.Target.Disks.SelectMany(NotProven), .. context.Request.Target.Libvirt is { IsFar: true } far ? NotProven(far) : []],
            Steps = [.. rows.Select(r => StepOf(r, verdict))],
            Tools = ToolsOf(context, [before, after, committed], convert),
            HostKernel = ToolVersions.Kernel,
            ReducedProof = ReducedProof(context),
            HandedOver = handedOver?.Files ?? [],
            Target = handedOver is null ? null : SealedTarget.Of(context),
        };
    }

    /// <summary>What the check of the committed disks found, and the one before the commit had not.</summary>
    private static IEnumerable<SealedFinding> Committed(MigrationContext context, GuestReport? after, GuestReport? committed) =>
        after is null || committed is null ? [] : Sealed(DamageWeighing.After(after.Findings, [.. committed.Findings.Where(f => CheckCommittedStep.IsNews(after, f))], context.Request.Waivers));

    private static SealedDisk DiskOf(MigrationContext context, SourceDisk disk, ConvertStepResult? convert, HandOverStepResult? handedOver)
    {
        var copy = context.Evidence(StepName.Copy, disk.Key, JournalJson.Default.CopyStepResult);
        var readBack = context.Evidence(StepName.ReadBack, disk.Key, JournalJson.Default.ReadBackStepResult);
        var prove = context.Evidence(StepName.Prove, disk.Key, JournalJson.Default.ReadBackStepResult);
        var changed = convert?.Disks.FirstOrDefault(d => d.Key == disk.Key);
        var final = context.Request.Convert ? prove : readBack;
        IReadOnlyList<SealedMismatch> mismatches = [.. context.Journal.Passes(context.Id).Where(p => p.IsDone).SelectMany(p => p.Disks).Where(d => d.Key == disk.Key).SelectMany(d => d.Mismatches), .. readBack?.Mismatches ?? [], .. prove?.Mismatches ?? []];
        return new SealedDisk
        {
            Key = disk.Key,
            Identity = disk.Identity,
            SourceImage = disk.Image.Location.ToString(),
            SourceFormat = disk.Image.Format.ToString().ToLowerInvariant(),
            SourceSubformat = disk.Image.Subformat,
            VirtualBytes = disk.Image.VirtualLengthBytes,
            Algorithm = context.Hash.AlgorithmName,
            BlockBytes = context.Hash.BlockBytes,
            SourceRoot = copy?.Root,
            TargetRoot = readBack?.Root,
            ReadBack = readBack?.Parts,
            FinalReadBack = prove?.Parts,
            FinalRoot = context.Request.Convert ? changed?.ExpectedRoot : copy?.Root,
            FinalReadBackRoot = final?.Root,
            DataBytes = copy?.DataBytes ?? 0,
            ZeroBytes = copy?.ZeroBytes ?? 0,
            HoleBytes = copy?.HoleBytes ?? 0,
            Mismatches = mismatches,
            Changed = changed is null ? null : SealedRanges.Of(changed.Changed),
            TargetFile = handedOver is null ? string.Empty : Path.GetFileName(new TargetNames(context.Request, context.Source.Machine).Disk(disk.Key)),
            TargetExport = handedOver is null || context.Far is not null ? null : context.CopiedDisk(disk.Key).Export?.ToString(),
            TargetVolume = handedOver is null ? null : context.Far?.VolumeName(disk.Key),
            TargetFormat = context.Extension,
            BlockMap = handedOver?.Maps.FirstOrDefault(m => m.Key == disk.Key)?.File,
            CacheBypass = final?.CacheBypass ?? readBack?.CacheBypass ?? string.Empty,
            Performance = copy?.Performance,
            ReadBackPerformance = readBack?.Performance,
            Transfer = readBack?.Transfer ?? copy?.Transfer,
            Picture = copy is null ? null : PictureOf(context, disk, changed?.Changed ?? [], mismatches),
        };
    }

    private static DiskPicture? PictureOf(MigrationContext context, SourceDisk disk, IReadOnlyList<DiskRange> changed, IReadOnlyList<SealedMismatch> mismatches)
    {
        var names = new TargetNames(context.Request, context.Source.Machine);
        var path = new[] { names.BlockMap(disk.Key), context.FinalMapPath(disk.Key), context.SourceMapPath(disk.Key) }.FirstOrDefault(context.Files.IsOurs);
        if (path is null) return null;
        try
        {
            using var map = BlockMap.Open(path);
            return DiskPicture.Of(map, changed, mismatches.Select(m => new DiskRange(m.Offset, m.LengthBytes)));
        }
        catch (SealiftException e)
        {
            // The picture illustrates and proves nothing: a report without it is better than none. Whoever needs the map verifies it.
            context.Events.Send(new Note(StepName.Seal, $"no picture of {disk.Key}: {e.Message}"));
            return null;
        }
    }

    private static IReadOnlyList<SealedFinding> Sealed(IReadOnlyList<WeighedFinding> weighed) =>
        [.. weighed.Select(w => SealedFinding.Of(w.Finding, w.Standing, w.Waiver))];

    private static SealedStep StepOf(StepRow row, Verdict verdict) => new()
    {
        Name = row.Step.Step,
        Disk = row.Step.Disk,
        StartedAt = row.StartedAt ?? DateTimeOffset.UnixEpoch, // only started steps are listed
        EndedAt = row.EndedAt,
        ElapsedSeconds = row.ElapsedSeconds,
        Outcome = row.State switch
        {
            StepState.Done => StepOutcome.Passed,
            StepState.Started when verdict == Verdict.Cancelled => StepOutcome.Cancelled,
            _ => StepOutcome.Failed,
        },
        Detail = row.Summary,
    };

    private static IReadOnlyList<SealedTool> ToolsOf(MigrationContext context, IReadOnlyList<GuestReport?> reports, ConvertStepResult? convert)
    {
        var tools = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var versions in reports.Select(r => r?.Tools).Prepend(context.Find(StepName.Preflight, string.Empty, JournalJson.Default.PreflightResult)?.Tools))
            foreach (var (name, version) in versions ?? new Dictionary<string, string>()) tools[name] = version;
        // The preflight asked most of them already.
        if (convert is not null && !tools.Any(t => $"{t.Key} {t.Value}" == convert.Conversion.Tool)) tools["converter"] = convert.Conversion.Tool;
        return [new SealedTool("sealift", ToolVersions.Sealift), .. tools.Select(t => new SealedTool(t.Key, t.Value))];
    }

    private static IEnumerable<string> NotProven(LibvirtTarget far) =>
    [
        $"That the kernel of {LibvirtHost.HostNameOf(far.Uri)} tells the truth: that its qemu-nbd had the volumes open with O_DIRECT, and when they were written to last, is its word.",
    ];

    private static IEnumerable<string> NotProven(DiskTarget target) => target.Export is null
        ? [$"That nobody wrote to {target.Device} between its last read-back and the hand-over: a block device does not show that."]
        :
        [
            $"That the storage below {target.Device} holds what was read back: it was read over new connections after a flush; what the server itself keeps in memory is beyond our reach.",
            $"That nobody wrote to {target.Device} between its last read-back and the hand-over, and that it was one and the same export all the time: its name and its length are all that an NBD export shows.",
        ];

    private static IReadOnlyList<string> NotProven(BootReport? boot) => boot is null or { Outcome: BootOutcome.Booted }
        ? SealPredicate.StandardNotProven
        : [.. SealPredicate.StandardNotProven, $"That the new machine boots: {boot.Said.TrimEnd('.')}."];

    private static List<SealedOption> ReducedProof(MigrationContext context)
    {
        var request = context.Request;
        var reduced = new List<SealedOption>();
        if (!request.Check) reduced.Add(new SealedOption("--no-check", "Whether the file systems were sound before and after was not looked at."));
        if (!request.Convert) reduced.Add(new SealedOption("--no-convert", "The guest was not made fit for KVM: whether it boots there was not prepared; its bytes are the source's."));
        if (request.BootCheck == BootCheck.Never) reduced.Add(new SealedOption("--no-boot-check", "Whether the new machine boots was not tried."));
        if (context.Find(StepName.Precopy, string.Empty, JournalJson.Default.PrecopyStepResult) is { ReadBack: ReadBackScope.Changed })
            reduced.Add(new SealedOption(request.Warm!.ReadBack is null ? "--downtime" : "--read-back changed", "What was read back while the machine ran, and not written since, was not read again when it was off: that the storage still held it then is not proven."));
        return reduced;
    }

    // A migration that failed before its source could be read still has a report: with the plan's words.
    private static SealedMachine UnknownMachine(MigrationContext context) => new()
    {
        Name = context.Request.Overrides.Name ?? Path.GetFileName(context.Request.Sources[0]),
        Cpus = context.Request.Overrides.Cpus ?? 0,
        MemoryBytes = context.Request.Overrides.MemoryBytes ?? 0,
        Firmware = context.Request.Overrides.Firmware == Firmware.Uefi ? "uefi" : "bios",
        SecureBoot = context.Request.Overrides.SecureBoot ?? false,
        NetworkInterfaces = [],
    };
}
