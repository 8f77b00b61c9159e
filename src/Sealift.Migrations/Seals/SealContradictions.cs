using System.Buffers;
using Sealift.Guests.Boot;
using Sealift.Guests.Files;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Seals;

/// <summary>
/// What a predicate may not say at once. The writer refuses to sign it and the verifier refuses to believe it, so that a verdict
/// never rests on one room's care alone.
/// </summary>
internal static class SealContradictions
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>Every contradiction, one clause each; empty for a sound predicate.</summary>
    public static IReadOnlyList<string> Of(SealPredicate p)
    {
        var wrong = new List<string>();
        void Require(bool holds, string otherwise)
        {
            if (!holds) wrong.Add(otherwise);
        }

        Require(p.Reasons.Count > 0, "the verdict has no reason");
        Require(p.Disks.Select(d => d.Key).Distinct(StringComparer.Ordinal).Count() == p.Disks.Count, "two disks have the same key");
        Require(double.IsFinite(p.Steps.Sum(s => s.ElapsedSeconds)) && p.Steps.All(s => s.ElapsedSeconds >= 0), "a step took a negative time");
        if (p.Boot is { } boot) CheckBoot(boot, Require);
        if (p.Points is { } points) CheckPoints(points, p, Require);
        if (p.FileChanges is { } files) CheckFileChanges(files, p, Require);
        foreach (var disk in p.Disks) CheckShape(disk, Require);
        foreach (var file in p.HandedOver) CheckFile(file, Require);
        Require(p.ReducedProof.Count > 0 || p.Disks.All(d => d.ReadBack is not { EarlierBytes: > 0 } && d.FinalReadBack is not { EarlierBytes: > 0 }), "less than the whole target was read back at the end, and no option says so");

        var handedOver = p.Verdict is Verdict.Sealed or Verdict.Degraded;
        if (!handedOver)
        {
            Require(p.HandedOver.Count == 0, $"the verdict is {p.Verdict.ToString().ToLowerInvariant()} and files are handed over");
            Require(p.Target is null, $"the verdict is {p.Verdict.ToString().ToLowerInvariant()} and a domain is handed over");
            return wrong;
        }

        Require(p.Boot is not { Outcome: BootOutcome.Failed }, "the machine is handed over and did not boot");
        Require(p.Disks.Count > 0, "nothing is sealed without a disk");
        Require(p.Target is not { } target || target.Volumes.SequenceEqual(p.Disks.Select(d => d.TargetVolume is { } volume ? Path.GetFileName(volume) : d.TargetFile)), "the volumes are not the disks");
        Require(VolumesAreOfTheTarget(p), "its volumes are not all in the pool that it names");
        foreach (var disk in p.Disks) CheckCustody(disk, Require);
        var names = p.Disks.SelectMany(d => d.BlockMap is { } map ? new[] { d.TargetFile, map.Name } : [d.TargetFile]).Concat(p.HandedOver.Select(f => f.Name)).ToList();
        Require(names.Distinct(StringComparer.Ordinal).Count() == names.Count, "two files have the same name");

        var findings = p.FindingsBefore.Concat(p.FindingsAfter).ToList();
        Require(findings.All(f => f.Standing is FindingStanding.Note or FindingStanding.Warning or FindingStanding.Waived), "damage that nobody waived is among the findings");
        Require(findings.All(f => f.Standing != FindingStanding.Waived || !string.IsNullOrWhiteSpace(f.Waiver)), "a finding is waived without a reason");
        var waived = findings.Any(f => f.Standing == FindingStanding.Waived);
        Require(p.Verdict != Verdict.Sealed || !waived, "the verdict is sealed and a finding is waived");
        Require(p.Verdict != Verdict.Degraded || waived || p.ReducedProof.Count > 0, "the verdict is degraded, and nothing was waived or left out");
        foreach (var last in p.Steps.GroupBy(s => (s.Name, s.Disk)).Select(g => g.Last()))
            Require(last.Outcome is StepOutcome.Passed or StepOutcome.Skipped, $"step {last.Name} did not pass");
        return wrong;
    }

    private static void CheckCustody(SealedDisk d, Action<bool, string> require)
    {
        require(d.SourceRoot is not null && d.SourceRoot == d.TargetRoot, $"{d.Key}: the target did not read back as the source");
        require(d.FinalRoot is not null && d.FinalRoot == d.FinalReadBackRoot, $"{d.Key}: the finished disk did not read back as expected");
        require(d.Changed is { TotalBytes: > 0 } || d.FinalRoot == d.SourceRoot, $"{d.Key}: nothing was converted and the disk changed");
        require(d.Mismatches.All(m => m.Repaired), $"{d.Key}: a mismatch was not repaired");
        require(d.TargetFile.Length > 0, $"{d.Key}: it has no target file");
    }

    private static void CheckShape(SealedDisk d, Action<bool, string> require)
    {
        try
        {
            var digestCharacters = SealStatement.ParametersOf(d).DigestBytes * 2;
            foreach (var root in new[] { d.SourceRoot, d.TargetRoot, d.FinalRoot, d.FinalReadBackRoot })
                require(root is null || IsHex(root, digestCharacters), $"{d.Key}: a root is not {digestCharacters} hex digits");
        }
        catch (SealiftException e)
        {
            require(false, $"{d.Key}: {e.Said}"); // an algorithm or block size that nobody knows is one more contradiction
        }

        require(d.VirtualBytes > 0, $"{d.Key}: its length is not positive");
        foreach (var parts in new[] { d.ReadBack, d.FinalReadBack }.OfType<SealedReadBack>())
            require(parts.EndBytes >= 0 && parts.EndBytes <= d.VirtualBytes && parts.EarlierBytes == d.VirtualBytes - parts.EndBytes && (parts.EarlierBytes > 0) == parts.Since.HasValue && (parts.EarlierBytes == 0 || parts.Scope == ReadBackScope.Changed), $"{d.Key}: the parts that were read back do not make up the disk");
        require(d.TargetFile.Length == 0 || IsPlainName(d.TargetFile), $"{d.Key}: the name of its file is not plain");
        require(d.TargetFormat is "raw" or "qcow2", $"{d.Key}: its target format is neither raw nor qcow2");
        require(d.TargetExport is null || (d.TargetFormat == "raw" && d.TargetFile.EndsWith($".{TargetMachine.ExportExtension}", StringComparison.Ordinal) && IsExport(d.TargetExport)), $"{d.Key}: what is said of its NBD export makes no sense");
        require(d.TargetVolume is null || (d.TargetExport is null && d.TargetFile.EndsWith($".{TargetMachine.VolumeExtension}", StringComparison.Ordinal) && FarDisks.Parse(d.TargetVolume) is not null), $"{d.Key}: what is said of its volume makes no sense");
        if (d.BlockMap is { } map) CheckFile(map, require);
        require(d.Mismatches.All(m => IsWithin(m.Offset, m.LengthBytes, d)), $"{d.Key}: a mismatch lies outside of the disk");
        if (d.Changed is { } changed)
        {
            require(changed.TotalCount >= changed.Ranges.Count && changed.TotalBytes >= 0 && changed.Ranges.Count <= SealedRanges.ListLimit, $"{d.Key}: its changed ranges are counted wrong");
            require(changed.Ranges.All(r => IsWithin(r.Offset, r.LengthBytes, d)), $"{d.Key}: a changed range lies outside of the disk");
        }

        if (d.Picture is { } picture)
        {
            var layers = new[] { picture.Data, picture.Zero, picture.Changed, picture.Mismatched };
            require(picture.CellBytes > 0 && layers.All(l => l.Length <= DiskPicture.MaxCells && l.Length == picture.Data.Length && l.All(char.IsAsciiDigit)), $"{d.Key}: its picture is not well-formed");
        }
    }

    /// <summary>Whether it is the canonical URI of an export that is reached without TLS.</summary>
    /// <summary>A machine on another host has all of its disks there, in the directory of one pool.</summary>
    private static bool VolumesAreOfTheTarget(SealPredicate p)
    {
        var places = p.Disks.Select(d => d.TargetVolume is { } name ? FarDisks.Parse(name) : null).ToList();
        var isFar = p.Target is { } target && LibvirtHost.IsFar(target.Uri);
        if (!isFar) return p.Disks.All(d => d.TargetVolume is null);
        return places.All(v => v is not null && v.Value.Uri == p.Target!.Uri) && places.Select(v => Path.GetDirectoryName(v!.Value.Path)).Distinct(StringComparer.Ordinal).Count() == 1;
    }

    private static bool IsExport(string text)
    {
        try
        {
            return NbdUri.Parse(text) is { UsesTls: false } uri && uri.ToString() == text;
        }
        catch (NbdException)
        {
            return false; // it is no URI of NBD's at all
        }
    }

    private static void CheckPoints(IReadOnlyList<SealedPoint> points, SealPredicate p, Action<bool, string> require)
    {
        require(points.Select(t => t.Name).SequenceEqual(SealedPoint.All), "the points at which file systems count are not the four in order");
        for (var i = 0; i < points.Count; i++)
        {
            var t = points[i];
            require(t is { CheckedCount: >= 0, UncheckedCount: >= 0 } && (t.SameAs.Length > 0) == (t.ProvenBy.Length > 0) && (t.SameAs.Length == 0 || points.Take(i).Any(e => e.Name == t.SameAs)), $"{t.Name}: what is said of it makes no sense");
            require(t.Standing switch
            {
                PointStanding.Checked => p.Steps.Any(s => s.Name == t.Step),
                PointStanding.Identical => t is { Step.Length: 0, SameAs.Length: > 0, CheckedCount: 0 },
                PointStanding.Absent => t is { Step.Length: 0, SameAs.Length: 0, CheckedCount: 0 } && p.Disks.All(d => d.Changed is null),
                _ => t is { Step.Length: 0, SameAs.Length: 0, CheckedCount: 0 },
            }, $"{t.Name}: how it stands contradicts what is said of it");
            require(p.Verdict != Verdict.Sealed || (t.Standing != PointStanding.Unchecked && (t.Standing != PointStanding.Identical || points.Any(e => e.Name == t.SameAs && e.Standing == PointStanding.Checked))), $"the verdict is sealed and {t.Name} was not checked");
        }
    }

    private static void CheckFileChanges(SealedFileChanges c, SealPredicate p, Action<bool, string> require)
    {
        var known = c.Filesystems.Select(f => f.Filesystem).ToHashSet(StringComparer.Ordinal);
        var total = c.Filesystems.Sum(f => (decimal)f.Changed + f.Removed + f.Added);
        require(known.Count == c.Filesystems.Count, "the changed files of a file system are told twice");
        require(c.Filesystems.All(f => f is { Files: >= 0, Changed: >= 0, Removed: >= 0, Added: >= 0 } && (f.NotTold.Length == 0 || f is { Files: 0, Changed: 0, Removed: 0, Added: 0 })), "changed files are counted wrong");
        require(c.First.Count <= SealedFileChanges.FirstLimit && c.First.Count == Math.Min(c.Listed, SealedFileChanges.FirstLimit) && c.Listed <= total, "fewer or more changed files are named than there are");
        require(c.First.All(f => known.Contains(f.Filesystem) && f.Path.Length is > 0 and <= SealedFileChanges.PathLimitCharacters && (f.BytesBefore is null) == (f.Change == FileChangeKind.Added) && (f.BytesAfter is null) == (f.Change == FileChangeKind.Removed)), "a changed file is described wrong");
        foreach (var (kind, count) in new[] { (FileChangeKind.Changed, c.Filesystems.Sum(f => (decimal)f.Changed)), (FileChangeKind.Removed, c.Filesystems.Sum(f => (decimal)f.Removed)), (FileChangeKind.Added, c.Filesystems.Sum(f => (decimal)f.Added)) })
            require(c.First.Count(f => f.Change == kind) <= count, $"more files are named as {kind.ToString().ToLowerInvariant()} than there are");
        require(total == 0 || p.Disks.Any(d => d.Changed is { TotalBytes: > 0 }), "files changed and no disk did");
        require(c.List.Length == 0 || p.HandedOver.Any(f => f.Name == c.List && f.Role == SealedFileChanges.ListRole), "the list of changed files is not among what is handed over");
    }

    private static void CheckBoot(SealedBoot boot, Action<bool, string> require)
    {
        require(double.IsFinite(boot.ElapsedSeconds) && boot.ElapsedSeconds >= 0, "its boot took a negative time");
        require(boot.Outcome != BootOutcome.Booted || boot.Accelerator.Length > 0, "it booted and was not tried");
        require(boot.ConsoleTail.Length <= SealedBoot.ConsoleLimitCharacters, "its console is longer than a seal keeps");
        // Shown by the page: a picture, of the size that is said, and nothing else.
        require(boot.Screen is not { } screen || Png.Measure(screen.Png) == (screen.Width, screen.Height), "the picture of its screen is none");
    }

    private static void CheckFile(SealedFile file, Action<bool, string> require)
    {
        require(IsPlainName(file.Name), "the name of a file is not plain");
        require(IsHex(file.Sha256, 64), $"{file.Name}: its SHA-256 is not 64 hex digits");
        require(file.LengthBytes >= 0, $"{file.Name}: its length is negative");
    }

    private static bool IsWithin(long offset, long length, SealedDisk d) => offset >= 0 && length > 0 && length <= d.VirtualBytes && offset <= d.VirtualBytes - length;

    private static bool IsHex(string text, int length) => text.Length == length && !text.AsSpan().ContainsAnyExcept(HexDigits);

    // A name beside the seal: nothing that leads elsewhere.
    private static bool IsPlainName(string name) => name.Length is > 0 and <= 255 && name is not ("." or "..") && !name.Contains('/', StringComparison.Ordinal) && !name.Any(char.IsControl);
}
