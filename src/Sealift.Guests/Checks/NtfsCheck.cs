using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>NTFS by ntfsresize(8) -i and ntfsfix(8) -n. Neither is a full checker; of what Linux has, ntfsresize sees the most.</summary>
internal sealed partial class NtfsCheck : ContentCheck
{
    public override string Tool => "ntfsresize";

    public override IReadOnlyList<string> Types => ["ntfs"];

    public override async Task<IReadOnlyList<Observation>> RunAsync(Appliance appliance, BlockDevice device, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        var resize = await appliance.ShellAsync($"check {device.Description}", $"ntfsresize -i -f -P {device.Path}", cancel);
        var remarks = Remarks(resize.Output, Harmless());
        // A volume that is full or too fragmented to shrink makes ntfsresize fail as well, after its checks.
        if ((resize.ExitCode != 0 && !NothingToGain().IsMatch(resize.Output)) || remarks.Length > 0)
            seen.Add(new Observation("ntfs.errors", FindingSeverity.Damage, $"ntfsresize -i {Ended(resize)}: {(remarks.Length > 0 ? remarks : resize.Output)}"));
        var fix = await appliance.ShellAsync($"check {device.Description}", $"ntfsfix -n {device.Path}", cancel);
        remarks = Remarks(fix.Output, Harmless());
        if (fix.ExitCode != 0 || remarks.Length > 0) seen.Add(new Observation("ntfs.errors", FindingSeverity.Damage, $"ntfsfix -n {Ended(fix)}: {(remarks.Length > 0 ? remarks : fix.Output)}"));
        var flags = await appliance.ShellAsync($"read the flags of {device.Description}", $"ntfsinfo -m -f {device.Path} | grep -i 'Volume Flags'", cancel);
        if (Dirty().IsMatch(flags.Output)) seen.Add(new Observation("ntfs.dirty", FindingSeverity.Note, "Windows had not finished with it (volume flag DIRTY): the disk was taken while mounted"));
        return seen.Count(o => o.Class == "ntfs.errors") < 2 ? seen : [new Observation("ntfs.errors", FindingSeverity.Damage, string.Join('\n', seen.Where(o => o.Class == "ntfs.errors").Select(o => o.Text))), .. seen.Where(o => o.Class != "ntfs.errors")];
    }

    [GeneratedRegex(@"^(ntfsresize v.*|Device name\s*: .*|NTFS volume version: \S+|Cluster size\s*: .*|Current volume size: .*|Current device size: .*|Checking filesystem consistency \.\.\.|Accounting clusters \.\.\.|Space in use\s*: .*|Collecting resizing constraints \.\.\.|You might resize at \d+ bytes.*|Please make a test run using both the -n and -s options before real resizing!|Mounting volume\.\.\. OK|Processing of \$MFT and \$MFTMirr completed successfully\.|Checking the alternate boot sector\.\.\. OK|NTFS volume version is \S+|NTFS partition /dev/\S+ was processed successfully\.)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"Volume is full|can't shrink|no more space", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex NothingToGain();

    [GeneratedRegex(@"\bDIRTY\b", RegexOptions.CultureInvariant)]
    private static partial Regex Dirty();
}
