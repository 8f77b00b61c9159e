using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>ext2, ext3 and ext4 by e2fsck(8).</summary>
/// <remarks>
/// "e2fsck -fn" exits 0 having skipped a dirty journal, and on a file system that is larger than its device: both are looked at here
/// first. Exit code bits by the manual: 1 and 2 corrected (never with -n), 4 errors left, 8 operational, 16 usage, 32 cancelled, 128 library.
/// </remarks>
internal sealed partial class ExtCheck : ContentCheck
{
    public override string Tool => "e2fsck";

    public override IReadOnlyList<string> Programs => ["e2fsck", "dumpe2fs"];

    public override IReadOnlyList<string> Types => ["ext2", "ext3", "ext4"];

    public override async Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        var errors = device.Type + ".errors";
        var header = await place.RunAsync($"read the superblock of {device.Description}", "dumpe2fs", ["-h", place.PathOf(device)], cancel);
        var fields = Fields(header.Output);
        if (header.ExitCode != 0 || !TryLength(fields, out var length))
        {
            if (Unsupported().IsMatch(header.Output)) return CheckResult.Of(new Observation("not-checked", FindingSeverity.Note, header.Output));
            return CheckResult.Of(new Observation(errors, FindingSeverity.Damage, $"dumpe2fs {Ended(header)}: {header.Output}"));
        }

        if (length > device.LengthBytes) seen.Add(new Observation(errors, FindingSeverity.Damage, $"The superblock claims {length} bytes; the device has {device.LengthBytes}"));
        var state = fields.GetValueOrDefault("Filesystem state", string.Empty);
        if (state.Contains("error", StringComparison.Ordinal)) seen.Add(new Observation(errors, FindingSeverity.Damage, $"The guest's own kernel has recorded errors: file system state \"{state}\""));

        var needsRecovery = fields.GetValueOrDefault("Filesystem features", string.Empty).Split(' ').Contains("needs_recovery");
        var hasOrphans = fields.ContainsKey("First orphan inode");
        if (needsRecovery || hasOrphans || state.StartsWith("not clean", StringComparison.Ordinal))
        {
            seen.Add(new Observation(
                device.Type + (needsRecovery ? ".dirty-journal" : ".not-unmounted"),
                FindingSeverity.Note,
                needsRecovery ? "The journal was not replayed yet: the disk was taken while mounted. It was replayed in a throwaway layer before the check." : "It was not unmounted: the disk was taken while mounted."));
            if (await ReplayAsync(place, device, needsRecovery || hasOrphans, fits: length <= device.LengthBytes, cancel) is not { } replay) return CheckResult.LeftToKernel("e2fsck does more to its journal than to replay it, so that a kernel has to say whether it can be");
            if (replay.Length > 0) seen.Add(new Observation(errors, FindingSeverity.Damage, replay));
        }

        var check = await place.RunAsync($"check {device.Description}", "e2fsck", ["-fn", place.PathOf(device)], cancel);
        if (Unsupported().IsMatch(check.Output)) return CheckResult.Of([.. seen, new Observation("not-checked", FindingSeverity.Note, check.Output)]);
        // The label stands before the last line, and may have lines of its own.
        var remarks = Remarks(Unlabelled(check.Output, device), Harmless());
        if (check.ExitCode != 0 || remarks.Length > 0) seen.Add(new Observation(errors, FindingSeverity.Damage, $"e2fsck -fn {Ended(check)}: {(remarks.Length > 0 ? remarks : check.Output)}"));
        return CheckResult.Of(seen);
    }

    /// <summary>Replays the journal, and clears the list of orphans, which is no damage either: both are done at each mount.</summary>
    /// <returns>What is wrong with it, or nothing; null where that cannot be said here.</returns>
    private static async Task<string?> ReplayAsync(CheckPlace place, BlockDevice device, bool isNeeded, bool fits, CancellationToken cancel)
    {
        if (place.HasKernel)
        {
            // By mounting rather than by e2fsck -E journal_only, which leaves the orphans.
            var mount = fits ? await place.ReplayByMountAsync(device, device.Type, "nosuid,nodev,noexec,errors=remount-ro", cancel) : null;
            if (mount is { ExitCode: 0 }) return string.Empty;
            // What e2fsck has to mend before it can replay it would not be seen afterwards: that the kernel refuses it is damage enough.
            if (mount is not null && !Unsupported().IsMatch(mount.Output)) return $"Its journal cannot be replayed: mount {Ended(mount)}: {mount.Output}";
            var only = await place.RunAsync($"replay the journal of {device.Description}", "e2fsck", ["-E", "journal_only", "-y", place.PathOf(device)], cancel);
            return (only.ExitCode & ~1) == 0 ? string.Empty : $"Its journal cannot be replayed: e2fsck {Ended(only)}: {only.Output}\n{mount?.Output}";
        }

        if (!isNeeded) return string.Empty;
        if (!fits) return null;
        // e2fsck -p replays by the kernel's own code (recovery.c) and clears orphans as the kernel does. It may also mend other things,
        // which would hide them: every word that does not tell of the two leaves it to the kernel.
        await place.MakeWritableAsync(device, cancel);
        var replay = await place.RunAsync($"replay the journal of {device.Description}", "e2fsck", ["-p", place.PathOf(device)], cancel);
        return (replay.ExitCode & ~1) == 0 && Remarks(Unlabelled(replay.Output, device), OnlyReplayed()).Length == 0 ? string.Empty : null;
    }

    /// <summary>e2fsck calls a volume by its label, which may have lines of its own.</summary>
    private static string Unlabelled(string output, BlockDevice device) => device.RawLabel.Length > 0 ? output.Replace(device.RawLabel + ": ", "label: ", StringComparison.Ordinal) : output;

    private static Dictionary<string, string> Fields(string dump)
    {
        // The last of each counts: label and last mount point, in which a guest may write lines of its own, are printed first.
        var fields = new Dictionary<string, string>();
        foreach (var line in dump.Split('\n'))
            if (line.IndexOf(':') is var colon && colon > 0) fields[line[..colon]] = line[(colon + 1)..].Trim();
        return fields;
    }

    private static bool TryLength(Dictionary<string, string> fields, out decimal length)
    {
        length = 0;
        if (!decimal.TryParse(fields.GetValueOrDefault("Block count"), NumberStyles.None, CultureInfo.InvariantCulture, out var blocks)) return false;
        if (!decimal.TryParse(fields.GetValueOrDefault("Block size"), NumberStyles.None, CultureInfo.InvariantCulture, out var size) || blocks > ulong.MaxValue || size > 65536) return false;
        length = blocks * size; // 2^64 blocks of 2^16 bytes fit a decimal and not a long
        return true;
    }

    // A clock that goes wrong, the guest's or ours, is no damage. "Fix? no" always follows what is not fixed.
    // The last line is "label or device: files/inodes files (x% non-contiguous), used/all blocks"; a label may hold anything but a line's end.
    [GeneratedRegex(@"^(e2fsck \d[^:]*|dumpe2fs \d[^:]*|Pass [1-5][A-D]?: (Checking inodes, blocks, and sizes|Checking directory structure|Checking directory connectivity|Checking reference counts|Checking group summary information)|.*: \d+/\d+ files \(\d+\.\d+% non-contiguous\), \d+/\d+ blocks|Superblock last (mount|write) time (is in the future\.|\([^()]*,)|\s*now = [^()]*\) is in the future\.|\s*\(by less than a day, probably due to the hardware clock being incorrectly set\)|Fix\? no)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"^.*: (recovering journal|(Clearing|Truncating) orphaned inode \d+ \(uid=\d+, gid=\d+, mode=0\d+, size=\d+\)|clean, \d+/\d+ files, \d+/\d+ blocks)$", RegexOptions.CultureInvariant)]
    private static partial Regex OnlyReplayed();

    [GeneratedRegex(@"has unsupported feature\(s\)|unsupported read-only feature|unsupported optional features|Filesystem has unsupported|Get a newer version of e2fsck", RegexOptions.CultureInvariant)]
    private static partial Regex Unsupported();
}
