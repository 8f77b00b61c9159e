namespace Sealift.Guests.Checks;

/// <summary>A physical volume of LVM by lvm(8): its metadata, and whether its volume group is complete.</summary>
internal sealed class LvmCheck : ContentCheck
{
    public override string Tool => "lvm";

    /// <summary>Here the metadata are read by ourselves, and lvm(8) is the second opinion.</summary>
    public override bool IsDirect => false;

    public override IReadOnlyList<string> Types => ["LVM2_member"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var check = await place.RunAsync($"check {device.Description}", "lvm", ["pvck", place.PathOf(device)], cancel);
        if (check.ExitCode != 0) return CheckResult.Of(new Observation("lvm.errors", FindingSeverity.Damage, $"lvm pvck {Ended(check)}: {check.Output}"));
        var missing = await place.RunAsync($"check {device.Description}", "lvm", ["pvs", "--noheadings", "-o", "vg_missing_pv_count", place.PathOf(device)], cancel);
        if (missing.ExitCode != 0) return CheckResult.Of(new Observation("lvm.errors", FindingSeverity.Damage, $"lvm pvs {Ended(missing)}: {missing.Output}"));
        var count = missing.Output.Split('\n').Last().Trim();
        return count is "0" or "" ? CheckResult.Of() : CheckResult.Of(new Observation("lvm.errors", FindingSeverity.Damage, $"Its volume group lacks {GuestText.Name(count)} physical volume(s), which are on no disk of this machine: {missing.Output}"));
    }
}
