using Sealift.Blkhash;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Disks.Tests.Warm;

/// <summary>However a tracker pages what it knows, nothing of it is lost; what it does not tell, the audit finds.</summary>
public sealed class ChangeListTests : IDisposable
{
    private const int Block = LyingTracker.BlockBytes;
    private static readonly BlkhashParameters Hash = new(BlkhashAlgorithm.Sha256, Block);
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-warm-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Every_changed_byte_is_in_the_list_however_it_is_paged()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var length = random.Next(1, 400_000);
            var ranges = Enumerable.Range(0, random.Next(0, 40)).Select(_ => new DiskRange(random.Next(0, length), random.Next(0, 20_000))).ToList();
            var changed = await ChangeList.ReadAsync("d", length, Block, (offset, _) => Task.FromResult(LyingTracker.Page(random, ranges, offset, length)), Cancel);
            var found = new bool[length];
            long last = -1;
            foreach (var range in changed.Ranges(Block, length))
            {
                Assert.True(range.Offset % Block == 0 && range.LengthBytes > 0 && range.End <= length && (range.End % Block == 0 || range.End == length), $"seed {seed}: {range}");
                Assert.True(range.Offset > last, $"seed {seed}: not in order, or not merged");
                last = range.End;
                found.AsSpan((int)range.Offset, (int)range.LengthBytes).Fill(true);
            }

            foreach (var range in ranges)
                Assert.False(found.AsSpan((int)range.Offset, (int)(Math.Min(length, range.End) - range.Offset)).Contains(false), $"seed {seed}: a byte of {range} is missing");
            Assert.True(changed.Count <= ranges.Sum(r => (r.LengthBytes / Block) + 2), $"seed {seed}: more than changed");
        }
    }

    [Theory]
    [InlineData(0L, 4096L, 0L)]      // it does not go on
    [InlineData(511L, 0L, 0L)]       // hardly
    [InlineData(-1L, 0L, 0L)]
    [InlineData(8192L, -1L, 100L)]   // a range before the disk
    [InlineData(8192L, 100L, -1L)]   // a negative length
    public async Task A_list_that_makes_no_sense_is_refused(long end, long offset, long lengthBytes)
    {
        var error = await Assert.ThrowsAsync<SealiftException>(() => ChangeList.ReadAsync("d", 1 << 20, Block, (_, _) => Task.FromResult(new ChangePage(end, [new DiskRange(offset, lengthBytes)])), Cancel));
        Assert.Equal("SL4271", error.Code);
    }

    [Fact]
    public async Task A_range_that_reaches_beyond_the_disk_is_clamped_and_an_empty_page_ends_nothing()
    {
        var pages = new Queue<ChangePage>([new(4096, []), new(8192, [new DiskRange(5000, long.MaxValue - 10_000)]), new(long.MaxValue, [new DiskRange(1 << 20, 4096), new DiskRange(70_000, 0)])]);
        var changed = await ChangeList.ReadAsync("d", 65_537, Block, (_, _) => Task.FromResult(pages.Dequeue()), Cancel);
        Assert.Equal([new DiskRange(4096, 65_537 - 4096)], changed.Ranges(Block, 65_537));
    }

    /// <summary>Random writes, told by a tracker that drops, shifts, cuts off or repeats what it tells: after the pass the target is the source, and every lie is named.</summary>
    [Fact]
    public async Task Whatever_the_tracker_keeps_to_itself_the_audit_finds_and_copies()
    {
        var kinds = Enum.GetValues<TrackerLie>();
        for (var seed = 0; seed < 48; seed++)
        {
            var random = new Random(seed);
            var length = random.Next(1, 60) * Block + random.Next(0, 2) * 512;
            var lied = await LyingTracker.LieAsync(directory, random, length, random.Next(1, 12), kinds[seed % kinds.Length], AuditScope.Full, Cancel);
            // A block that was written with what it held is no lie; random bytes do not do that.
            Assert.Equal(lied.Injected.Order(), lied.Found.Order());
            Assert.True(lied.HasArrived && lied.RootIsOfMap, $"seed {seed}: {lied}");
        }
    }

    [Fact]
    public async Task A_pass_reads_what_changed_and_no_more()
    {
        const int Length = 64 << 20;
        var (sourcePath, targetPath, mapPath) = (In("s"), In("t"), In("m"));
        var bytes = new byte[Length];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(sourcePath, bytes, Cancel);
        await DiskImage.CreateAsync(targetPath, ImageFormat.Raw, Length, Cancel);
        BlockMap.Create(mapPath, Length, Hash).Close();
        _ = await PassAsync(sourcePath, targetPath, mapPath, new WarmPassPlan(null, AuditScope.None));
        var changed = new BlockSet();
        foreach (var block in (long[])[0, 7, 8, 9000, 16383]) changed.Add(block);
        var result = await PassAsync(sourcePath, targetPath, mapPath, new WarmPassPlan(changed, AuditScope.None));
        Assert.Equal((5 * Block, 5 * Block), (result.ReadBytes, result.ClaimedBytes));
    }

    private static async Task<WarmPassResult> PassAsync(string sourcePath, string targetPath, string mapPath, WarmPassPlan plan)
    {
        await using var source = RawDisk.OpenRead(DiskImage.Plain(sourcePath, ImageFormat.Raw, new FileInfo(sourcePath).Length));
        await using var target = await DiskImage.OpenWriteAsync(targetPath, ImageFormat.Raw, Path.GetTempPath(), Cancel);
        using var map = BlockMap.OpenForUpdate(mapPath);
        var result = await WarmPass.RunAsync(source, target, map, plan, CopyOptions.Default, _ => null, Cancel);
        map.Close();
        return result;
    }

    private string In(string name) => Path.Combine(directory, name);
}
