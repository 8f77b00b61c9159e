using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>XFS by xfs_repair(8) -n: exit code 0 nothing found, 1 corruption; its words count as well.</summary>
internal sealed partial class XfsCheck : ContentCheck
{
    public override string Tool => "xfs_repair";

    public override IReadOnlyList<string> Programs => ["xfs_repair", "xfs_db"];

    public override IReadOnlyList<string> Types => ["xfs"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        var header = await place.RunAsync($"read the superblock of {device.Description}", "xfs_db", ["-r", "-c", "sb 0", "-c", "p dblocks blocksize", place.PathOf(device)], cancel);
        if (Field(header.Output, "dblocks") is { } blocks && Field(header.Output, "blocksize") is { } size && blocks * size > device.LengthBytes)
            seen.Add(new Observation("xfs.errors", FindingSeverity.Damage, $"The superblock claims {blocks * size} bytes; the device has {device.LengthBytes}"));

        // xfs_logprint would say it first, but opens what it reads for writing; and of some logs it dies, which xfs_repair does not.
        var isReplayed = false;
        if (place.HasKernel && (await place.RunAsync($"read the log of {device.Description}", "xfs_logprint", ["-t", place.PathOf(device)], cancel)).Output.Contains("<DIRTY>", StringComparison.Ordinal))
        {
            await ReplayAsync();
            isReplayed = true;
        }

        var check = await place.RunAsync($"check {device.Description}", "xfs_repair", ["-n", place.PathOf(device)], cancel);
        if (!isReplayed && check.Output.Contains("valuable metadata changes in a log", StringComparison.Ordinal))
        {
            if (!place.HasKernel) return CheckResult.LeftToKernel("its log was not replayed, which only a kernel can do");
            await ReplayAsync();
            check = await place.RunAsync($"check {device.Description}", "xfs_repair", ["-n", place.PathOf(device)], cancel);
        }

        if (Unsupported().IsMatch(check.Output)) return CheckResult.Of([.. seen, new Observation("not-checked", FindingSeverity.Note, check.Output)]);
        var remarks = Remarks(check.Output, Harmless());
        if (check.ExitCode != 0 || remarks.Length > 0) seen.Add(new Observation("xfs.errors", FindingSeverity.Damage, $"xfs_repair -n {Ended(check)}: {(remarks.Length > 0 ? remarks : check.Output)}"));
        return CheckResult.Of(seen);

        async Task ReplayAsync()
        {
            seen.Add(new Observation("xfs.dirty-log", FindingSeverity.Note, "The log was not replayed yet: the disk was taken while mounted. It was replayed in a throwaway layer before the check."));
            var mount = await place.ReplayByMountAsync(device, "xfs", "nouuid,nosuid,nodev,noexec", cancel);
            if (mount.ExitCode != 0) seen.Add(new Observation("xfs.errors", FindingSeverity.Damage, $"Its log cannot be replayed: mount {Ended(mount)}: {mount.Output}"));
        }
    }

    private static decimal? Field(string output, string name) =>
        output.Split('\n').Select(l => l.Split(" = ")).FirstOrDefault(p => p.Length == 2 && p[0] == name) is { } pair && decimal.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= ulong.MaxValue ? value : null;

    // The three lines about the host's geometry are said of every image on a file system that is not XFS.
    [GeneratedRegex(@"^(Cannot get host filesystem geometry\.|Repair may fail if there is a sector size mismatch between|the image and the host filesystem\.|Phase [1-7] - .*|No modify flag set, skipping (phase 5|filesystem flush and exiting\.)|\s+- (agno = \d+|zero log\.\.\.|scan (filesystem freespace and inode maps|and clear agi unlinked lists|\(but don't clear\) agi unlinked lists)\.\.\.|found root inode chunk|process (known inodes and perform inode discovery|newly discovered inodes)\.\.\.|setting up duplicate extent list\.\.\.|check for inodes claiming duplicate blocks\.\.\.|traversing filesystem \.\.\.|traversal finished \.\.\.|moving disconnected inodes to lost\+found \.\.\.|reporting progress in intervals of .*|\d\d:\d\d:\d\d: .* done))$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"Superblock has unknown (compat|read-only compat|incompat)|unknown .* feature", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Unsupported();
}
