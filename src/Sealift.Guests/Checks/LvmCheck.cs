namespace Sealift.Guests.Checks;

/// <summary>A physical volume of LVM by lvm(8): its metadata, and whether its volume group is complete.</summary>
internal sealed class LvmCheck : ContentCheck
{
    public override string Tool => "lvm";

    public override IReadOnlyList<string> Types => ["LVM2_member"];

    public override async Task<IReadOnlyList<Observation>> RunAsync(Appliance appliance, BlockDevice device, CancellationToken cancel)
    {
        var check = await appliance.ShellAsync($"check {device.Description}", $"lvm pvck {device.Path}", cancel);
        if (check.ExitCode != 0) return [new Observation("lvm.errors", FindingSeverity.Damage, $"lvm pvck {Ended(check)}: {check.Output}")];
        var missing = await appliance.ShellAsync($"check {device.Description}", $"lvm pvs --noheadings -o vg_missing_pv_count {device.Path} 2>&1", cancel);
        if (missing.ExitCode != 0) return [new Observation("lvm.errors", FindingSeverity.Damage, $"lvm pvs {Ended(missing)}: {missing.Output}")];
        var count = missing.Output.Split('\n').Last().Trim();
        return count is "0" or "" ? [] : [new Observation("lvm.errors", FindingSeverity.Damage, $"Its volume group lacks {GuestText.Name(count)} physical volume(s), which are on no disk of this machine: {missing.Output}")];
    }
}
