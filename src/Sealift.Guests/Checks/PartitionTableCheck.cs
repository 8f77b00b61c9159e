using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>In the appliance, as a second opinion on what <see cref="Direct.PartitionTable"/> says: partition tables by sfdisk(8) --verify, and GPT by sgdisk(8) -v as well; partition ends are compared with the disk here.</summary>
internal sealed partial class PartitionTableCheck : ContentCheck
{
    public override string Tool => "sfdisk";

    public override bool IsDirect => false;

    public override IReadOnlyList<string> Types => [];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        if (device.PartitionTable is not ("gpt" or "dos")) return CheckResult.Of(new Observation("not-checked", FindingSeverity.Note, $"No checker for a partition table of type {GuestText.Name(device.PartitionTable)}"));
        var seen = new List<Observation>();
        var verify = await place.RunAsync($"check the partition table of {device.Description}", "sfdisk", ["--verify", place.PathOf(device)], cancel);
        var remarks = Remarks(verify.Output, Harmless());
        var dump = await place.RunAsync($"read the partition table of {device.Description}", "sfdisk", ["--dump", place.PathOf(device)], cancel);
        foreach (Match partition in Partition().Matches(dump.Output))
        {
            var end = decimal.Parse(partition.Groups[2].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) + decimal.Parse(partition.Groups[3].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);
            if (end * 512 > device.LengthBytes) remarks += $"\n{partition.Groups[1].Value} ends at byte {end * 512}; the disk has {device.LengthBytes}";
        }

        if (device.PartitionTable == "gpt")
        {
            var gpt = await place.RunAsync($"check the partition table of {device.Description}", "sgdisk", ["-v", place.PathOf(device)], cancel);
            var words = Remarks(gpt.Output, Harmless());
            var serious = Remarks(words, BackupNotAtEnd());
            if (serious.Length == 0 && words.Length > 0) seen.Add(new Observation("partition-table.backup-not-at-end", FindingSeverity.Note, $"The disk was enlarged: {words}"));
            // sfdisk complains of the same thing in other words.
            else if (serious.Length > 0 || gpt.ExitCode != 0) remarks += $"\nsgdisk -v {Ended(gpt)}: {(serious.Length > 0 ? serious : gpt.Output)}";
        }

        if (seen.Count > 0) remarks = Remarks(remarks, BackupNotAtEnd());
        if (verify.ExitCode != 0 || remarks.Trim().Length > 0) seen.Add(new Observation("partition-table.errors", FindingSeverity.Damage, $"sfdisk --verify {Ended(verify)}: {remarks.Trim()}"));
        return CheckResult.Of(seen);
    }

    [GeneratedRegex(@"^(/dev/\S+:|No errors detected\.|Header version: \S+|Using \d+ out of \d+ partitions\.|A total of \d+ free sectors is available in \d+ segments \(the largest is .*\)\.|A total of \d+ free sectors is available in \d+ segment\.|Remaining \d+ unallocated \d+-byte sectors\.|No problems found\. \d+ free sectors \(.*\) available in \d+|segments?, the largest of which is \d+ \(.*\) in size\.|Caution: Partition \d+ doesn't (begin|end) on a \d+-sector boundary\. This may|result in problems with some disk encryption tools\.|result in degraded performance on some modern \(2009 and later\) hard disks\.|Consult http\S+|for information on disk alignment\.|Identified \d+ problems!|Warning: There is a gap between the main partition table \(ending sector \d+\)|and the first usable sector \(\d+\)\. This is helpful in some exotic configurations,|but is unusual\. The util-linux fdisk program often creates disks like this\.|Using 'j' on the experts' menu can adjust this gap\.)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"secondary header's self-pointer indicates that it doesn't reside|at the end of the disk\. If you've added a disk to a RAID array, use the 'e'|option on the experts' menu to adjust the secondary header's and partition|table's locations\.|The backup GPT table is not on the end of the device", RegexOptions.CultureInvariant)]
    private static partial Regex BackupNotAtEnd();

    [GeneratedRegex(@"^(/dev/\S+) : start=\s*(\d+), size=\s*(\d+)", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Partition();
}
