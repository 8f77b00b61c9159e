using System.Security.Cryptography;
using System.Text;
using Sealift.Disks;
using Sealift.Guests.Files;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Tests.Seals;

/// <summary>Predicates as real migrations make them, for every verdict.</summary>
internal static class ExampleSeals
{
    private const long Gi = 1L << 30, Mi = 1L << 20;
    private static readonly DateTimeOffset Start = new(2026, 11, 23, 1, 12, 9, TimeSpan.Zero);

    public static string Digest(string of) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(of)));

    public static SealPredicate Sealed() => new()
    {
        MigrationId = "m-20261123-011209-7f3a",
        Verdict = Verdict.Sealed,
        Reasons = ["2 disks arrived: every block of each read back from storage as it was read from the source.", "3 file systems check clean before and after the conversion."],
        NextSteps = ["Start the machine with: sh web-01.start.sh", "Keep the source until you have seen the machine work."],
        StartedAt = Start,
        FinishedAt = Start.AddSeconds(754),
        Machine = new SealedMachine
        {
            Name = "web-01 (Zürich)",
            Cpus = 4,
            MemoryBytes = 8 * Gi,
            Firmware = "uefi",
            SecureBoot = true,
            NetworkInterfaces = [new SealedNic("vmxnet3", "00:50:56:9a:4e:11", "VM Network"), new SealedNic("e1000e", null, "backup")],
            Guest = new SealedGuest("linux", "debian", "Debian GNU/Linux", "12.5", "x86_64", "web-01.example.net"),
            Concerns = ["The source has a virtual TPM; the new machine has none."],
        },
        Source = new SealedSource
        {
            Kind = "ova",
            Location = "/srv/exports/web-01.ova",
            Files = [new SealedSourceFile("/srv/exports/web-01.ova", 6_442_518_528, Start.AddDays(-2), 0x801, 1_835_022)],
            ManifestVerification = "SHA-256 manifest: 3 of 3 files match",
            Notes = ["The OVF names a CD-ROM image that is not in the archive; the new machine has an empty drive."],
        },
        Disks = [Disk("disk1", "vmdisk1", 20 * Gi, converted: true), Disk("disk2", "vmdisk2", 100 * Gi, converted: false)],
        FilesystemsBefore = Filesystems(),
        FilesystemsAfter = Filesystems(),
        FindingsBefore = [new SealedFinding("ext4.journal-replayed", FindingStanding.Note, "9c0f-root", "disk1 partition 2, ext4 \"root\"", "/dev/sda2: recovering journal (in an overlay; the source was not written to)", null), new SealedFinding("preflight.boot-device", FindingStanding.Warning, "9c0f-root", "disk1 partition 2, ext4 \"root\"", "The boot loader hands the kernel disks by what the new machine has otherwise:\nresume=/dev/sda3", null)],
        Points =
        [
            new SealedPoint(SealedPoint.Source, PointStanding.Checked, "check-source", 3, 1, "", ""),
            new SealedPoint(SealedPoint.CopiedTarget, PointStanding.Identical, "", 0, 0, SealedPoint.Source, "read-back: T = S, every block"),
            new SealedPoint(SealedPoint.ConvertedOverlay, PointStanding.Checked, "check-target", 3, 1, "", ""),
            new SealedPoint(SealedPoint.CommittedTarget, PointStanding.Checked, "check-committed", 3, 1, SealedPoint.ConvertedOverlay, "prove: the whole disk reads back as F"),
        ],
        FileChanges = Files("web-01-changes.jsonl"),
        NotChecked = ["disk1 partition 3, swap: it has no content that survives a boot."],
        Steps =
        [
            Step("describe", "", 0, 1.2), Step("preflight", "", 1.2, 0.8), Step("check-source", "", 2, 61), Step("copy", "disk1", 63, 118), Step("copy", "disk2", 63, 214),
            Step("read-back", "disk1", 181, 46), Step("read-back", "disk2", 277, 92), Step("convert", "", 369, 243), Step("check-target", "", 612, 64),
            Step("commit", "disk1", 676, 9), Step("prove", "disk1", 685, 47), Step("prove", "disk2", 732, 18), Step("check-committed", "", 750, 2), Step("gate", "", 752, 0.1), Step("hand-over", "", 752.1, 1.4),
        ],
        Tools = [new SealedTool("sealift", "0.1.0"), new SealedTool("qemu-nbd", "7.2.22"), new SealedTool("virt-v2v-in-place", "2.2.0"), new SealedTool("libguestfs", "1.48.6"), new SealedTool("e2fsck", "1.47.0")],
        HostKernel = "Linux 6.12.41-amd64",
        HandedOver = [new SealedFile("domain XML", "web-01.xml", 3121, Digest("xml")), new SealedFile("start script", "web-01.start.sh", 911, Digest("start")), new SealedFile(SealedFileChanges.ListRole, "web-01-changes.jsonl", 431, Digest("changes"))],
    };

    public static SealPredicate Degraded()
    {
        var whole = Sealed();
        return whole with
        {
            Verdict = Verdict.Degraded,
            Reasons = ["1 finding that the source had already is waived by the plan.", "Every block of 2 disks read back as it was read from the source; 1 range had to be copied twice."],
            Disks = [whole.Disks[0] with { Mismatches = [new SealedMismatch(8 * Mi, 65536, "read-back", Digest("e"), Digest("f"), "00000000000000000000000000000000", true)], Picture = Picture(20 * Gi, true, new DiskRange(8 * Mi, 65536)) }, whole.Disks[1]],
            FindingsBefore = [new SealedFinding("xfs.errors", FindingStanding.Waived, "b1d2-data", "disk2 partition 1, xfs \"data\"", "Phase 3 - for each AG...\nagi unlinked bucket 21 is 4117 in ag 2 (inode=33558549)", "Known since ticket OPS-4411: an orphaned inode of a deleted log, repaired after the move")],
            FindingsAfter = [new SealedFinding("xfs.errors", FindingStanding.Waived, "b1d2-data", "disk2 partition 1, xfs \"data\"", "Phase 3 - for each AG...\nagi unlinked bucket 21 is 4117 in ag 2 (inode=33558549)", "Known since ticket OPS-4411: an orphaned inode of a deleted log, repaired after the move")],
            FilesystemsBefore = [.. whole.FilesystemsBefore.Select(f => f.Type == "xfs" ? f with { Clean = false } : f)],
            FilesystemsAfter = [.. whole.FilesystemsAfter.Select(f => f.Type == "xfs" ? f with { Clean = false } : f)],
        };
    }

    public static SealPredicate Failed()
    {
        var whole = Sealed();
        var disk = whole.Disks[0] with { TargetRoot = Digest("something else"), FinalRoot = null, FinalReadBackRoot = null, Changed = null, TargetFile = "", BlockMap = null };
        return whole with
        {
            Verdict = Verdict.Failed,
            Reasons = ["SL4301: cannot prove disk1: web-01-disk1.qcow2.partial: 2 ranges did not read back as they were written, also after they were copied again; the first is 65536 bytes at offset 8388608."],
            NextSteps = ["Look for errors of the target's storage in the kernel log (dmesg) of this host.", "Choose another target, then run: sealift resume m-20261123-011209-7f3a"],
            Disks = [disk with { Mismatches = [new SealedMismatch(8 * Mi, 65536, "read-back", Digest("e"), Digest("f"), "deadbeef000000000000000000000000", false), new SealedMismatch(9 * Gi, 131072, "read-back", Digest("g"), Digest("h"), "00", true)], Picture = Picture(20 * Gi, false, new DiskRange(8 * Mi, 65536), new DiskRange(9 * Gi, 131072)) },
                whole.Disks[1] with { SourceRoot = null, TargetRoot = null, FinalRoot = null, FinalReadBackRoot = null, TargetFile = "", BlockMap = null, Picture = null, DataBytes = 0, ZeroBytes = 0, HoleBytes = 0, CacheBypass = "" }],
            FilesystemsAfter = [],
            FileChanges = null,
            Points = [whole.Points![0], .. whole.Points.Skip(1).Select(t => t with { Standing = PointStanding.Unchecked, Step = "", CheckedCount = 0, UncheckedCount = 0, SameAs = "", ProvenBy = "" })],
            HandedOver = [],
            FinishedAt = Start.AddSeconds(260),
            Steps = [.. whole.Steps.Take(5).Select(s => s.Disk == "disk2" ? s with { Outcome = StepOutcome.Cancelled, ElapsedSeconds = 190, Detail = "stopped, because disk1 failed" } : s), Step("read-back", "disk1", 181, 79) with { Outcome = StepOutcome.Failed, Detail = "SL4301: 2 ranges differ" }],
        };
    }

    public static SealedFileChanges Files(string list) => new()
    {
        Filesystems = [new SealedFilesystemChanges("9c0f-root", "disk1 partition 2, ext4 \"root\"", "/", 41_233, 2, 1, 1, ""), new SealedFilesystemChanges("b1d2-data", "disk2 partition 1, xfs \"data\"", "/srv", 0, 0, 0, 0, "it has more than 1,000,000 files")],
        First =
        [
            new SealedFileChange("9c0f-root", FileChangeKind.Changed, "file", "/etc/fstab", 512, 530, ["inode", "size", "modified"]),
            new SealedFileChange("9c0f-root", FileChangeKind.Changed, "file", @"/etc/\xff", 1, 1, ["status"]),
            new SealedFileChange("9c0f-root", FileChangeKind.Removed, "file", "/usr/bin/vmware-toolbox-cmd", 91_231, null, []),
            new SealedFileChange("9c0f-root", FileChangeKind.Added, "file", "/boot/initrd.img", null, 31 << 20, []),
        ],
        Listed = 4,
        List = list,
    };

    public static SealedDisk Disk(string key, string identity, long length, bool converted) => new SealedDisk
    {
        Key = key,
        Identity = identity,
        SourceImage = $"web-01-{key}.vmdk",
        SourceFormat = "vmdk",
        SourceSubformat = "streamOptimized",
        VirtualBytes = length,
        SourceRoot = Digest(key),
        TargetRoot = Digest(key),
        FinalRoot = Digest(converted ? key + "converted" : key),
        FinalReadBackRoot = Digest(converted ? key + "converted" : key),
        DataBytes = length / 5,
        ZeroBytes = length / 50,
        HoleBytes = length - (length / 5) - (length / 50),
        Changed = converted ? SealedRanges.Of(Changes(length)) : null,
        TargetFile = $"web-01-{key}.qcow2",
        TargetFormat = "qcow2",
        BlockMap = new SealedFile("block map", $"web-01-{key}.map", length / 65536 * 33, Digest(key + "map")),
        CacheBypass = "O_DIRECT (qemu-nbd, cache=none)",
        Picture = Picture(length, converted),
        Performance = Performance(CopyStage.Target, length),
        ReadBackPerformance = Performance(CopyStage.ReadBack, length),
    };

    private static StageReport Performance(CopyStage bottleneck, long length)
    {
        var random = new Random((int)bottleneck);
        long[] Bytes(bool any) => [.. Enumerable.Range(0, 90).Select(i => any ? (long)(length / 450.0 * (0.6 + (0.4 * random.NextDouble()))) : 0)];
        var copies = bottleneck == CopyStage.Target;
        return new StageReport(45, [new StageFigures(copies ? CopyStage.Source : CopyStage.Hash, length / 5, 12.5), new StageFigures(bottleneck, length / 5, 41)])
        {
            Throughput = new ThroughputSeries(0.5, Bytes(copies), Bytes(copies), Bytes(!copies)),
        };
    }

    private static DiskPicture Picture(long length, bool converted, params DiskRange[] mismatched)
    {
        var random = new Random(length.GetHashCode());
        var data = new List<DiskRange>();
        var zero = new List<DiskRange>();
        for (long at = 0; at < length * 0.7; at += length / 64)
        {
            var take = (long)(length / 64 * random.NextDouble());
            data.Add(new DiskRange(at, Math.Max(65536, take)));
            if (random.Next(4) == 0) zero.Add(new DiskRange(at + take, (length / 64) - take));
        }

        return DiskPicture.Of(length, data, zero, converted ? Changes(length) : [], mismatched);
    }

    private static IEnumerable<DiskRange> Changes(long length)
    {
        var random = new Random(7);
        for (var at = length / 100; at < length / 2; at += length / 150 * random.Next(1, 12)) yield return new DiskRange(at / 65536 * 65536, 65536 * random.Next(1, 40));
    }

    private static SealedFilesystem[] Filesystems() =>
    [
        new("7A1B-22C3", "disk1 partition 1, vfat \"EFI\"", "vfat", "EFI", 512 * Mi, "/boot/efi", "fsck.fat 4.2", true),
        new("9c0f-root", "disk1 partition 2, ext4 \"root\"", "ext4", "root", 18 * Gi, "/", "e2fsck 1.47.0", true) { CheckedVia = "direct", Why = "nothing in it needs a kernel" },
        new("disk1/3", "disk1 partition 3, swap", "swap", "", 1 * Gi, "", "", false),
        new("b1d2-data", "disk2 partition 1, xfs \"data\"", "xfs", "data", 100 * Gi - (2 * Mi), "/srv", "xfs_repair 6.1.0", true),
    ];

    private static SealedStep Step(string name, string disk, double from, double took) => new()
    {
        Name = name,
        Disk = disk,
        StartedAt = Start.AddSeconds(from),
        EndedAt = Start.AddSeconds(from + took),
        ElapsedSeconds = took,
        Outcome = StepOutcome.Passed,
    };
}
