using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>
/// NTFS in the appliance, on a volume of LVM for instance, by ntfsresize(8) -i and ntfsfix(8) -n. Neither is a full checker; of what Linux
/// has, ntfsresize sees the most. Wherever the volume can be read here, <see cref="Ntfs.NtfsVerifier"/> sees far more.
/// </summary>
internal sealed partial class NtfsCheck : ContentCheck
{
    public override string Tool => "ntfsresize";

    public override IReadOnlyList<string> Types => ["ntfs"];

    public override bool IsDirect => false;

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        var resize = await place.RunAsync($"check {device.Description}", "ntfsresize", ["-i", "-f", "-P", place.PathOf(device)], cancel);
        var remarks = Remarks(resize.Output, Harmless());
        // A volume that is full or too fragmented to shrink makes ntfsresize fail as well, after its checks.
        if ((resize.ExitCode != 0 && !NothingToGain().IsMatch(resize.Output)) || remarks.Length > 0)
            seen.Add(new Observation("ntfs.errors", FindingSeverity.Damage, $"ntfsresize -i {Ended(resize)}: {(remarks.Length > 0 ? remarks : resize.Output)}"));
        var fix = await place.RunAsync($"check {device.Description}", "ntfsfix", ["-n", place.PathOf(device)], cancel);
        remarks = Remarks(fix.Output, Harmless());
        if (fix.ExitCode != 0 || remarks.Length > 0) seen.Add(new Observation("ntfs.errors", FindingSeverity.Damage, $"ntfsfix -n {Ended(fix)}: {(remarks.Length > 0 ? remarks : fix.Output)}"));
        var flags = await place.RunAsync($"read the flags of {device.Description}", "ntfsinfo", ["-m", "-f", place.PathOf(device)], cancel);
        if (flags.Output.Split('\n').Any(l => l.Contains("Volume Flags", StringComparison.OrdinalIgnoreCase) && Dirty().IsMatch(l))) seen.Add(new Observation("ntfs.dirty", FindingSeverity.Note, "Windows had not finished with it (volume flag DIRTY): the disk was taken while mounted"));
        return CheckResult.Of(seen.Count(o => o.Class == "ntfs.errors") < 2 ? seen : [new Observation("ntfs.errors", FindingSeverity.Damage, string.Join('\n', seen.Where(o => o.Class == "ntfs.errors").Select(o => o.Text))), .. seen.Where(o => o.Class != "ntfs.errors")]);
    }

    [GeneratedRegex(@"^(ntfsresize v.*|Device name\s*: .*|NTFS volume version: \S+|Cluster size\s*: .*|Current volume size: .*|Current device size: .*|Checking filesystem consistency \.\.\.|Accounting clusters \.\.\.|Space in use\s*: .*|Collecting resizing constraints \.\.\.|You might resize at \d+ bytes.*|Please make a test run using both the -n and -s options before real resizing!|Mounting volume\.\.\. OK|Processing of \$MFT and \$MFTMirr completed successfully\.|Checking the alternate boot sector\.\.\. OK|NTFS volume version is \S+|NTFS partition /dev/\S+ was processed successfully\.)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"Volume is full|can't shrink|no more space", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex NothingToGain();

    [GeneratedRegex(@"\bDIRTY\b", RegexOptions.CultureInvariant)]
    private static partial Regex Dirty();
}
