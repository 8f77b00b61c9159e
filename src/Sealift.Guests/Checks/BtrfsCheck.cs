using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>Btrfs by btrfs-check(8) --readonly. It exits 0 over a damaged copy when the other one is good, so its words decide.</summary>
internal sealed partial class BtrfsCheck : ContentCheck
{
    public override string Tool => "btrfs";

    public override IReadOnlyList<string> VersionArguments => ["--version"];

    public override IReadOnlyList<string> Types => ["btrfs"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        var header = await place.RunAsync($"read the superblock of {device.Description}", "btrfs", ["inspect-internal", "dump-super", place.PathOf(device)], cancel);
        if (!place.HasKernel && Field(header.Output, "num_devices") is > 1) return CheckResult.LeftToKernel("it lies on several devices, and btrfs finds the others only where a kernel knows them");
        if (!place.HasKernel && Field(header.Output, "log_root") is > 0) return CheckResult.LeftToKernel("its log tree was not replayed, which only a kernel can do");
        if (Field(header.Output, "dev_item.total_bytes") is { } length && length > device.LengthBytes)
            seen.Add(new Observation("btrfs.errors", FindingSeverity.Damage, $"The superblock claims {length} bytes of this device; it has {device.LengthBytes}"));
        var problem = default(string);
        if (Field(header.Output, "log_root") is > 0)
        {
            // What is there without the log is whole in itself. A kernel that mounts it mends what is bad in one of two copies.
            problem = await ProblemAsync();
            seen.Add(new Observation("btrfs.dirty-log", FindingSeverity.Note, "The log tree was not replayed yet: the disk was taken while mounted. It was replayed in a throwaway layer before the check."));
            var mount = await place.ReplayByMountAsync(device, "btrfs", "nosuid,nodev,noexec", cancel);
            if (mount.ExitCode != 0) seen.Add(new Observation("btrfs.errors", FindingSeverity.Damage, $"Its log cannot be replayed: mount {Ended(mount)}: {mount.Output}"));
        }

        problem ??= await ProblemAsync();
        if (problem is not null) seen.Add(new Observation("btrfs.errors", FindingSeverity.Damage, problem));
        return CheckResult.Of(seen);

        async Task<string?> ProblemAsync()
        {
            var check = await place.RunAsync($"check {device.Description}", "btrfs", ["check", "--readonly", place.PathOf(device)], cancel);
            var remarks = Remarks(check.Output, Harmless());
            return check.ExitCode == 0 && remarks.Length == 0 ? null : $"btrfs check --readonly {Ended(check)}: {(remarks.Length > 0 ? remarks : check.Output)}";
        }
    }

    private static decimal? Field(string output, string name) =>
        output.Split('\n').Select(l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(p => p.Length == 2 && p[0] == name) is { } pair
        && decimal.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    [GeneratedRegex(@"^(Opening filesystem to check\.\.\.|Checking filesystem on /dev/\S+|UUID: [0-9a-f-]+|\[\d/\d\] checking .*|\[\d/\d\] checking .* \(without verifying data\)|found \d+ bytes used, no error found|total (csum|tree|fs tree|extent tree) bytes: \d+|btree space waste bytes: \d+|file data blocks allocated: \d+|\s*referenced \d+|\[\d/\d\] .* skipped .*|cache and super generation don't match, space cache will be invalidated)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
