using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>Each thing by which a change of a source is known, alone.</summary>
public sealed class FileIdentityTests
{
    private static readonly FileIdentity Before = new("/a", FileKind.Regular, 4096, 1, 2, 3, 4, 0);

    [Fact]
    public void Nothing_changed_where_everything_is_the_same() => Assert.Null((Before with { Path = "/by/another/name" }).ChangeSince(Before));

    [Fact]
    public void Another_file_is_told_by_device_inode_kind_or_time_of_birth()
    {
        // The last one is a new file that was given the number of the old one.
        foreach (var now in new[] { Before with { Device = 9 }, Before with { Inode = 9 }, Before with { Kind = FileKind.BlockDevice }, Before with { BornNanoseconds = 9 } })
        {
            Assert.Equal("was replaced by another file", now.ChangeSince(Before));
            Assert.Equal("was replaced by another file", Before.ChangeSince(now));
        }
    }

    [Fact]
    public void Another_content_is_told_by_length_or_time_of_change()
    {
        Assert.Equal("had 4096 bytes and has 4097 now", (Before with { LengthBytes = 4097 }).ChangeSince(Before));
        Assert.Equal("was written to", (Before with { ModifiedNanoseconds = 9 }).ChangeSince(Before));
    }

    [Fact]
    public void A_block_device_is_the_device_and_not_its_node()
    {
        var device = Before with { Kind = FileKind.BlockDevice, NodeDevice = 7 };
        Assert.Null((device with { Inode = 9, ModifiedNanoseconds = 9 }).ChangeSince(device));
        Assert.Equal("was replaced by another file", (device with { NodeDevice = 8 }).ChangeSince(device));
        Assert.NotNull((device with { LengthBytes = 8192 }).ChangeSince(device));
    }

    /// <summary>Two disks, of which one has two partitions; and a device that says it is a partition of nothing.</summary>
    [Theory]
    [InlineData(0, 1, true)] // a disk and its partitions
    [InlineData(0, 2, true)]
    [InlineData(1, 2, false)] // neighbours
    [InlineData(0, 16, false)] // two disks
    [InlineData(1, 16, false)] // a partition, and the disk that it is none of
    [InlineData(0, 32, false)]
    [InlineData(7, 7, true)] // one device, of which nothing is known
    [InlineData(7, 0, false)]
    public void A_disk_and_its_partition_overlap_whichever_is_asked(ulong one, ulong other, bool overlap)
    {
        using var scratch = new Scratch();
        foreach (var (minor, place, partition) in new[] { (0, "sda", false), (1, "sda/sda1", true), (2, "sda/sda2", true), (16, "sdb", false), (32, "lost", true) })
        {
            var directory = Directory.CreateDirectory(scratch[$"devices/block/{place}"]).FullName;
            File.WriteAllText(Path.Combine(directory, "dev"), $"8:{minor}\n");
            if (partition) File.WriteAllText(Path.Combine(directory, "partition"), "1\n");
            File.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(scratch["dev/block"]).FullName, $"8:{minor}"), $"../../devices/block/{place}");
        }

        Assert.Equal(overlap, Device(one).Overlaps(Device(other), scratch.Folder));
        Assert.Equal(overlap, Device(other).Overlaps(Device(one), scratch.Folder));
        Assert.False(Device(0).Overlaps(Before with { NodeDevice = Device(1).NodeDevice }, scratch.Folder)); // a file is in no device

        static FileIdentity Device(ulong minor) => Before with { Kind = FileKind.BlockDevice, NodeDevice = (8UL << 32) | minor, Inode = minor };
    }

    [Fact]
    public async Task A_disk_that_is_no_longer_as_long_as_it_was_examined_is_refused()
    {
        using var scratch = new Scratch();
        var image = DiskImage.Plain(scratch.Raw("disk", 8192, 1, (0, 8192)), ImageFormat.Raw, 8192);
        await (await DiskImage.OpenReadAsync(image, scratch.Folder, TestContext.Current.CancellationToken)).DisposeAsync();
        using (var file = PosixFile.Open(scratch["disk"], OpenMode.ReadWrite)) file.SetLength(16_384);
        var error = await Assert.ThrowsAsync<SealiftException>(() => DiskImage.OpenReadAsync(image, scratch.Folder, TestContext.Current.CancellationToken));
        Assert.Equal("SL4201", error.Code);
        Assert.Contains("16384", error.Message, StringComparison.Ordinal);
    }
}
