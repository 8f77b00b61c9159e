using Sealift.Disks;
using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>The smallest structures, by examples.</summary>
public sealed class NtfsStructureTests
{
    [Fact]
    public void A_runlist_with_fragments_holes_and_a_way_back()
    {
        // 0x38 clusters at 0x342573; 0x114 at 0x211E5 further; 16 of a hole; 0x42 at 0x30 before the last.
        byte[] encoded = [0x31, 0x38, 0x73, 0x25, 0x34, 0x32, 0x14, 0x01, 0xE5, 0x11, 0x02, 0x01, 0x10, 0x11, 0x42, 0xD0, 0x00];
        Assert.Equal(
            [new Run(5, 0x342573, 0x38), new Run(0x3D, 0x363758, 0x114), new Run(0x151, -1, 0x10), new Run(0x161, 0x363728, 0x42)],
            Decode(encoded, 5, 1 << 24, out var wrong));
        Assert.Null(wrong);
    }

    [Theory]
    [InlineData(new byte[] { 0x11, 0x10, 0x20 }, "has no end")]
    [InlineData(new byte[] { 0x11, 0x10 }, "has a run of 1 and 1 bytes")]
    [InlineData(new byte[] { 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "has a run of 9 and 1 bytes")]
    [InlineData(new byte[] { 0x10, 0x20, 0x00 }, "has a run of 0 and 1 bytes")]
    [InlineData(new byte[] { 0x11, 0x00, 0x20, 0x00 }, "has a run of 0 clusters")]
    [InlineData(new byte[] { 0x11, 0xFF, 0x20, 0x00 }, "has a run of -1 clusters")]
    [InlineData(new byte[] { 0x11, 0x10, 0xF0, 0x00 }, "at cluster -16 of 1000")]
    [InlineData(new byte[] { 0x21, 0x10, 0xE0, 0x03, 0x00 }, "at cluster 992 of 1000")]
    [InlineData(new byte[] { 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x00 }, "has a run of 9223372036854775807 clusters")]
    public void A_runlist_that_is_none(byte[] encoded, string text)
    {
        var runs = Decode(encoded, 0, 1000, out var wrong);
        // What came before the fault is sound.
        Assert.InRange(runs.Count, 0, 1);
        Assert.Contains(text, wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void Fixups_put_back_what_belongs_into_each_stride()
    {
        var record = new byte[1024];
        record[4] = 0x30;
        record[6] = 3;
        (record[0x30], record[0x31]) = (7, 0);
        (record[510], record[1023]) = (0xAA, 0xBB);
        var protectedRecord = (byte[])record.Clone();
        VolumeEditor.Protect(protectedRecord);
        Assert.Equal((7, 0, 7, 0), (protectedRecord[510], protectedRecord[511], protectedRecord[1022], protectedRecord[1023]));
        Assert.Null(Fixups.Apply(protectedRecord, 0x2A));
        Assert.Equal((0xAA, 0, 0, 0xBB), (protectedRecord[510], protectedRecord[511], protectedRecord[1022], protectedRecord[1023]));
    }

    [Fact]
    public void Claims_are_counted_once_across_words()
    {
        var map = new ClusterMap(1000);
        Assert.Equal(0, map.Claim(60, 200, out var first));
        Assert.Equal(-1, first);
        Assert.Equal(60, map.Claim(200, 100, out first));
        Assert.Equal(200, first);
        Assert.Equal(1, map.Claim(0, 61, out first));
        Assert.Equal(60, first);
        Assert.Equal((300, 61), (map.Claimed, map.Overlapping));
        Assert.Equal([0xFF, 0xFF, 0xFF], map.Bytes(0, 3).ToArray());
        // 300 to 303 are claimed by nobody.
        Assert.Equal([0xFF, 0x0F, 0x00], map.Bytes(256, 7).ToArray()[4..]);
    }

    [Fact]
    public async Task A_volume_is_a_window_of_a_disk()
    {
        var disk = new CountingDisk();
        var volume = new DiskVolume(disk, 1000, 500);
        var buffer = new byte[10];
        await volume.ReadAsync(490, buffer, TestContext.Current.CancellationToken);
        Assert.Equal(500, volume.LengthBytes);
        Assert.Equal((1490 & 0xFF, 1499 & 0xFF), (buffer[0], buffer[9]));
        // Across blocks, to the disk's end, and a whole block.
        var far = new byte[5000];
        await new DiskVolume(disk, 100, 9900).ReadAsync(4900, far, TestContext.Current.CancellationToken);
        Assert.Equal((5000 & 0xFF, 9999 & 0xFF), (far[0], far[4999]));
        await new DiskVolume(disk, 4096, 4096).ReadAsync(0, far.AsMemory(0, 4096), TestContext.Current.CancellationToken);
        Assert.Equal((4096 & 0xFF, 8191 & 0xFF), (far[0], far[4095]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DiskVolume(disk, 1000, 9001));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DiskVolume(disk, -1, 10));
    }

    private static List<Run> Decode(byte[] encoded, long firstVcn, long clusters, out string? wrong)
    {
        var runs = new List<Run>();
        var list = new Runlist(encoded, firstVcn, clusters);
        while (list.MoveNext()) runs.Add(list.Current);
        wrong = list.Wrong;
        return runs;
    }

    /// <summary>10,000 bytes, each the low byte of its offset, which are read in whole blocks only.</summary>
    private sealed class CountingDisk : IDiskReader
    {
        public string Name => "counting";

        public long LengthBytes => 10_000;

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
        {
            Assert.Equal(0, offset % 4096);
            if (offset + buffer.Length != LengthBytes) Assert.Equal(0, buffer.Length % 4096);
            for (var i = 0; i < buffer.Length; i++) buffer.Span[i] = (byte)(offset + i);
            return ValueTask.CompletedTask;
        }

        public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
