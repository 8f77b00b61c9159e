using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>exFAT by fsck.exfat(8) -n of exfatprogs.</summary>
internal sealed partial class ExfatCheck : ContentCheck
{
    public override string Tool => "fsck.exfat";

    public override IReadOnlyList<string> Types => ["exfat"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var check = await place.RunAsync($"check {device.Description}", "fsck.exfat", ["-n", place.PathOf(device)], cancel);
        var remarks = Remarks(check.Output, Harmless());
        if (check.ExitCode == 0 && remarks.Length == 0) return CheckResult.Of();
        return CheckResult.Of(new Observation("exfat.errors", FindingSeverity.Damage, $"fsck.exfat -n {Ended(check)}: {(remarks.Length > 0 ? remarks : check.Output)}"));
    }

    [GeneratedRegex(@"^(exfatprogs version : \S+|/dev/\S+: clean\. directories \d+, files \d+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
