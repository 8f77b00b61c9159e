using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>FAT by fsck.fat(8) -n: exit code 0 nothing found, 1 errors, 2 usage.</summary>
internal sealed partial class FatCheck : ContentCheck
{
    public override string Tool => "fsck.fat";

    public override IReadOnlyList<string> VersionArguments => ["-n", "/dev/null"];

    public override IReadOnlyList<string> Types => ["vfat"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var check = await place.RunAsync($"check {device.Description}", "fsck.fat", ["-n", place.PathOf(device)], cancel);
        var remarks = Remarks(check.Output, Harmless());
        if (check.ExitCode == 0 && remarks.Length == 0) return CheckResult.Of();
        // The dirty bit alone means that it was mounted, not that anything is wrong; it makes the exit code 1 all the same. Of FAT32 it
        // stands at byte 65 of the boot sector, and nobody sets it in the copy.
        var others = Remarks(remarks, DirtyBit());
        if (others.Length == 0 && remarks.Length > 0 && check.ExitCode is 0 or 1) return CheckResult.Of(new Observation("fat.dirty", FindingSeverity.Note, remarks));
        return CheckResult.Of(new Observation("fat.errors", FindingSeverity.Damage, $"fsck.fat -n {Ended(check)}: {(remarks.Length > 0 ? remarks : check.Output)}"));
    }

    [GeneratedRegex(@"^(fsck\.fat \d\S* \(\d{4}-\d\d-\d\d\)|/dev/\S+: \d+ files, \d+/\d+ clusters|Leaving filesystem unchanged\.)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"^\s*(Dirty bit is set\. Fs was not properly unmounted and some data may be corrupt\.|There are differences between boot sector and its backup\.|This is mostly harmless\. Differences: \(offset:original/backup\)|65:0[01]/0[01]|Not automatically fixing this\.|Automatically removing dirty bit\.|1\) Remove dirty bit|2\) No action|\[?12\?q\]?\??.*)$", RegexOptions.CultureInvariant)]
    private static partial Regex DirtyBit();
}
