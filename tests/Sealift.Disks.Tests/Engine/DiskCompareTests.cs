using System.Collections.Concurrent;
using CsCheck;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class DiskCompareTests
{
    private static readonly CopyOptions Small = new() { Workers = 3, RequestBytes = 64 << 10, MismatchLimit = 1000 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void It_finds_what_a_plain_loop_finds() => Gen.Select(
        Gen.Int[0, 300_000],
        Gen.Int[-70_000, 70_000],
        Gen.Select(Gen.Int[0, 299_999], Gen.Int[1, 9000], Gen.Byte).Array[0, 12],
        Gen.Select(Gen.Int[0, 299_999], Gen.Int[1, 150_000]).Array[0, 3]).Sample(
        (length, more, changes, holes) =>
        {
            using var scratch = new Scratch();
            var a = new byte[length];
            new Random(length).NextBytes(a);
            foreach (var (offset, bytes) in holes)
                if (offset < length) a.AsSpan(offset, Math.Min(bytes, length - offset)).Clear();
            var b = new byte[Math.Max(0, length + more)];
            a.AsSpan(0, Math.Min(a.Length, b.Length)).CopyTo(b);
            foreach (var (offset, bytes, value) in changes)
                if (offset < b.Length) b.AsSpan(offset, Math.Min(bytes, b.Length - offset)).Fill(value);

            var found = new List<DiskDifference>();
            var result = Compare(scratch, a, b, Small, found.Add);
            var common = Math.Min(a.Length, b.Length);
            var expected = Plain(a, b, common);
            var rest = (a.Length > b.Length ? a : b).AsSpan(common);
            return found.Select(f => (f.Offset, f.End)).SequenceEqual(expected)
                && result.Ranges == expected.Count && result.ListedRanges == expected.Count
                && result.DifferingBytes == expected.Sum(e => e.End - e.Offset)
                && result.Rest == (rest.IsEmpty ? LongerEnd.None : rest.ContainsAnyExcept((byte)0) ? LongerEnd.Data : LongerEnd.Zeros)
                && found.TrueForAll(f => f.Kind == BlockDifferenceKind.Content && f.First!.Offset == f.Offset
                    && a.AsSpan((int)f.Offset).StartsWith(Convert.FromHexString(f.First.ExpectedBytes)) && b.AsSpan((int)f.Offset).StartsWith(Convert.FromHexString(f.First.ActualBytes)));
        },
        iter: 150);

    [Fact]
    public async Task Holes_that_both_prove_are_not_read_and_those_of_one_are()
    {
        using var scratch = new Scratch();
        var pathA = scratch.Raw("a", 32 << 20, 1, (0, 1 << 20), (8 << 20, 1 << 20));
        var pathB = scratch.Raw("b", 32 << 20, 1, (0, 1 << 20), (16 << 20, 1 << 20));
        var read = new ConcurrentBag<long>();
        ValueTask Count(long offset, Memory<byte> bytes)
        {
            read.Add(offset);
            return default;
        }

        await using var a = new HookedDisk(Scratch.OpenRaw(pathA)) { AfterRead = Count };
        await using var b = new HookedDisk(Scratch.OpenRaw(pathB)) { AfterRead = Count };
        var found = new List<DiskDifference>();
        await DiskCompare.RunAsync(a, b, CopyOptions.Default, found.Add, null, Cancel);
        Assert.Equal([0, 0, 8 << 20, 8 << 20, 16 << 20, 16 << 20], read.Order());
        Assert.Equal([8 << 20, 16 << 20], found.Select(f => (int)f.Offset));
        Assert.Equal(new string('0', 32), found[0].First!.ActualBytes);
    }

    [Fact]
    public async Task Beyond_the_limit_differences_are_counted()
    {
        using var scratch = new Scratch();
        var a = new byte[1 << 20];
        var b = new byte[1 << 20];
        for (var i = 0; i < 20; i++) b[i * 50_000] = 1;
        var found = new List<DiskDifference>();
        var result = await Task.Run(() => Compare(scratch, a, b, Small with { MismatchLimit = 7 }, found.Add), Cancel);
        Assert.Equal((20, 20, 7), (result.Ranges, result.DifferingBytes, result.ListedRanges));
        Assert.Equal(Enumerable.Range(0, 7).Select(i => i * 50_000L), found.Select(f => f.Offset));
        Assert.Equal((20, 0), ((int)(await Task.Run(() => Compare(scratch, a, b, Small with { MismatchLimit = 0 }, _ => Assert.Fail("nothing was to be listed")), Cancel)).Ranges, 0));
    }

    [Fact]
    public async Task A_longer_disk_is_equal_only_where_zeros_may_be_ignored_and_there_are_only_zeros()
    {
        using var scratch = new Scratch();
        var a = new byte[200_000];
        new Random(1).NextBytes(a);
        var zeros = await Task.Run(() => Compare(scratch, a, [.. a, .. new byte[500_000]], Small, _ => Assert.Fail("the common part is equal")), Cancel);
        Assert.Equal((false, true), (zeros.IsEqual(false), zeros.IsEqual(true)));
        var data = await Task.Run(() => Compare(scratch, [.. a, .. new byte[499_999], 1], a, Small, _ => Assert.Fail("the common part is equal")), Cancel);
        Assert.Equal((LongerEnd.Data, false, false), (data.Rest, data.IsEqual(false), data.IsEqual(true)));
    }

    [Fact]
    public async Task Images_and_exports_are_compared_like_files()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("a", 8 << 20, 1, (0, 1 << 20), (5 << 20, 100_000));
        await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", path, scratch["b.qcow2"]);
        File.Copy(path, scratch["store"]);
        using (var file = PosixFile.Open(scratch["store"], OpenMode.ReadWrite)) file.WriteAt([1, 2, 3], 3 << 20);
        await using var server = await Nbdkit.StartAsync(scratch, "file", scratch["store"]);
        await using var a = Scratch.OpenRaw(path);
        await using var qcow2 = await DiskImage.OpenReadAsync(Scratch.Image(scratch["b.qcow2"], ImageFormat.Qcow2), scratch.Folder, Cancel);
        Assert.True((await DiskCompare.RunAsync(a, qcow2, CopyOptions.Default, _ => Assert.Fail("they are equal"), null, Cancel)).IsEqual(false));
        await using var export = await DiskImage.OpenNbdAsync(server.Uri, new Nbd.NbdOptions(), Cancel);
        var found = new List<DiskDifference>();
        await DiskCompare.RunAsync(qcow2, export, CopyOptions.Default, found.Add, null, Cancel);
        Assert.Equal(new DiskDifference(3 << 20, 3, BlockDifferenceKind.Content, new FirstDifference(3 << 20, new string('0', 32), "010203" + new string('0', 26))), Assert.Single(found));
    }

    [Fact]
    public async Task A_server_that_gives_out_whole_blocks_only_is_asked_for_no_others()
    {
        using var scratch = new Scratch();
        // The shorter disk ends within a block of the longer one, and within a page.
        var path = scratch.Raw("a", (2 << 20) + 1000, 1, (0, 1 << 20), (2 << 20, 1000));
        File.Copy(path, scratch["store"]);
        using (var file = PosixFile.Open(scratch["store"], OpenMode.ReadWrite))
        {
            file.SetLength(4 << 20);
            file.WriteAt([7], (3 << 20) + 5);
        }

        await using var server = await Nbdkit.StartAsync(scratch, "--filter=blocksize-policy", "file", scratch["store"], "blocksize-minimum=65536", "blocksize-preferred=65536", "blocksize-maximum=32M", "blocksize-error-policy=error");
        await using var a = Scratch.OpenRaw(path);
        await using var export = await DiskImage.OpenNbdAsync(server.Uri, new Nbd.NbdOptions(), Cancel);
        foreach (var (first, second) in new[] { (a, export), (export, a) })
        {
            var result = await DiskCompare.RunAsync(first, second, CopyOptions.Default, _ => Assert.Fail("what both have is equal"), null, Cancel);
            Assert.Equal(LongerEnd.Data, result.Rest);
        }
    }

    [Fact]
    public async Task A_disk_that_cannot_be_read_or_changes_is_an_error_and_no_difference()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("a", 8 << 20, 1, (0, 8 << 20));
        File.Copy(path, scratch["b"]);
        await using var a = Scratch.OpenRaw(path);
        await using (var failing = new HookedDisk(Scratch.OpenRaw(scratch["b"])) { AfterRead = (at, _) => at == 5 << 20 ? throw new SealiftException("SL1001", "pread", "b", "EIO", "Look") : default })
            Assert.Equal("SL4211", (await Assert.ThrowsAsync<DiskAccessException>(() => DiskCompare.RunAsync(a, failing, CopyOptions.Default, _ => { }, null, Cancel))).Code);
        using var meddler = PosixFile.Open(scratch["b"], OpenMode.ReadWrite);
        await using var changing = new HookedDisk(Scratch.OpenRaw(scratch["b"])) { AfterRead = (at, _) => { if (at == 4 << 20) meddler.WriteAt([1], 0); return default; } };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => DiskCompare.RunAsync(a, changing, CopyOptions.Default, _ => { }, null, Cancel))).Code);
    }

    private static int comparisons;

    private static DiskComparison Compare(Scratch scratch, byte[] a, byte[] b, CopyOptions options, Action<DiskDifference> tell)
    {
        var number = Interlocked.Increment(ref comparisons);
        using var diskA = new Opened(Sparse(scratch[$"a{number}"], a));
        using var diskB = new Opened(Sparse(scratch[$"b{number}"], b));
        return DiskCompare.RunAsync(diskA.Disk, diskB.Disk, options, tell, null, default).GetAwaiter().GetResult();
    }

    /// <summary>A file whose pages of zeros are holes.</summary>
    private static string Sparse(string path, byte[] content)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(content.Length);
        for (var at = 0; at < content.Length; at += 4096)
        {
            var page = content.AsSpan(at, Math.Min(4096, content.Length - at));
            if (page.ContainsAnyExcept((byte)0)) file.WriteAt(page, at);
        }

        return path;
    }

    private static List<(long Offset, long End)> Plain(byte[] a, byte[] b, int common)
    {
        var ranges = new List<(long Offset, long End)>();
        for (var i = 0; i < common; i++)
        {
            if (a[i] == b[i]) continue;
            if (ranges.Count > 0 && i - ranges[^1].End < DiskCompare.GapBytes) ranges[^1] = (ranges[^1].Offset, i + 1);
            else ranges.Add((i, i + 1));
        }

        return ranges;
    }

    private sealed class Opened(string path) : IDisposable
    {
        public IDiskReader Disk { get; } = Scratch.OpenRaw(path);

        public void Dispose() => Disk.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
