using System.Text;
using CsCheck;
using Sealift.Disks;
using Sealift.Guests.Direct;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Direct;

/// <summary>What a volume holds: the same as blkid(8) says of real ones, and no exception whatever is on it.</summary>
public sealed class ContentProbeTests
{
    private static readonly string[] Compared = ["ID_FS_TYPE", "ID_FS_UUID_ENC", "ID_FS_LABEL_ENC"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string[]> Made => new()
    {
        new[] { "mkfs.ext2", "-q", "-F", "-L", "two" },
        new[] { "mkfs.ext3", "-q", "-F", "-L", "a \"b\"" },
        new[] { "mkfs.ext4", "-q", "-F" },
        new[] { "mkfs.ext4", "-q", "-F", "-O", "^has_journal" },
        new[] { "mkfs.ext4", "-q", "-F", "-O", "journal_dev" },
        new[] { "mkfs.xfs", "-q", "-f", "-L", "x" },
        new[] { "mkfs.xfs", "-q", "-f", "-m", "crc=0" },
        new[] { "mkfs.btrfs", "-q", "-f", "-L", "b b" },
        new[] { "mkfs.vfat", "-F", "12" },
        new[] { "mkfs.vfat", "-F", "16", "-n", "FATTY" },
        new[] { "mkfs.vfat", "-F", "32", "-n", "LARGE" },
        new[] { "mkntfs", "-F", "-q", "-p", "0", "-H", "16", "-S", "63", "-L", "Drive C" },
        new[] { "mkfs.exfat", "-L", "exotic" },
        new[] { "mkswap", "-q", "-L", "swapped" },
    };

    [Theory]
    [MemberData(nameof(Made))]
    public async Task Types_identities_and_labels_are_those_of_blkid(string[] make)
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("volume");
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(make[0] == "mkfs.xfs" ? 320 << 20 : 128 << 20);
        await ChildProcess.RunAsync(new ChildCommand(make[0], [.. make[1..], path]), Cancel);
        var said = (await ChildProcess.RunAsync(new ChildCommand("blkid", "-p", "-o", "udev", path), Cancel)).Output.Split('\n').Select(l => l.Split('=', 2)).Where(p => p.Length == 2).ToDictionary(p => p[0], p => p[1]);
        await using var disk = await DiskImage.OpenReadAsync(new ImageReference(new ImageLocation(path), ImageFormat.Raw, string.Empty, 0, 0, null, [path]), directory.Path, Cancel);
        var found = await ContentProbe.RunAsync(disk, isPartitioned: false, Cancel);
        foreach (var name in Compared)
            Assert.Equal(GuestText.DecodeUdev(said.GetValueOrDefault(name, string.Empty)), GuestText.DecodeUdev(found.GetValueOrDefault(name, string.Empty)));
    }

    [Fact]
    public async Task Whatever_is_on_a_disk_it_is_looked_at_to_the_end()
    {
        string[] marks = ["EFI PART", "LABELONE", "XFSB", "_BHRfS_M", "NTFS    ", "EXFAT   ", "SWAPSPACE2", "CD001", "hsqs", "JFS1", "ReIsErFs", "LUKS\u00BA\u00BE", "\u0055\u00AA", "\u0053\u00EF", "\u00FC\u004E\u002B\u00A9\u0001\0\0\0"];
        int[] places = [0, 3, 24, 510, 512, 536, 1024, 1080, 4086, 4096, 8192, 32768, 32769, 65536, 65600, (1 << 20) - 65536, (1 << 20) - 8192, (1 << 20) - 512];
        await Gen.Select(Gen.Int[0, marks.Length - 1], Gen.Int[0, places.Length - 1], Gen.Byte.Array[0, 600]).Array[1, 8].SampleAsync(async damages =>
        {
            var disk = new byte[1 << 20];
            foreach (var (mark, place, rest) in damages)
            {
                byte[] bytes = [.. Encoding.Latin1.GetBytes(marks[mark]), .. rest];
                bytes.AsSpan(0, Math.Min(bytes.Length, disk.Length - places[place])).CopyTo(disk.AsSpan(places[place]));
            }

            var volumes = await DirectSurvey.LookAtAsync(new MemoryDisk(disk), "disk1", Cancel);
            var containers = await Containers.ReadAsync(volumes, Cancel);
            foreach (var volume in volumes)
            {
                if (volume.Device.Type == "LVM2_member") Assert.NotNull(containers.LvmProblems(volume));
                Assert.NotNull(await SwapHeader.ProblemsAsync(volume.Reader, Cancel));
                Assert.NotNull(await LuksHeader.ProblemsAsync(volume.Reader, Cancel));
                Assert.NotNull(await IsoDescriptors.ProblemsAsync(volume.Reader, Cancel));
                Assert.NotEqual("nothing", await LostStart.FindAsync(volume.Reader, Cancel));
            }
        }, iter: 300);
    }

    [Theory]
    [InlineData("")]
    [InlineData("vg {")]
    [InlineData("vg }")]
    [InlineData("vg { id = \"")]
    [InlineData("= = = { { } }")]
    [InlineData("vg { physical_volumes { pv0 { id = \"a\\")]
    public void Metadata_of_LVM_that_make_no_sense_are_no_group(string text) => Assert.Null(LvmGroup.Parse(text));

    [Fact]
    public void Metadata_of_LVM_are_read_by_their_names()
    {
        var group = LvmGroup.Parse("""
            vg-odd {
            id = "x" # id = "not this" {
            seqno = 7
            physical_volumes { pv0 { id = "AAA" device = "/dev/{id}" } pv1 { id = "BBB" } }
            logical_volumes { root-lv { id = "CCC" segment1 { stripes = ["pv0", 0] } } swap { id = "DDD" } }
            }
            contents = "Text Format Volume Group"
            """)!;
        Assert.Equal(("vg-odd", 7), (group.Name, group.Sequence));
        Assert.Equal(["AAA", "BBB"], group.PhysicalVolumes);
        Assert.Equal(["root-lv", "swap"], group.LogicalVolumes);
    }
}
