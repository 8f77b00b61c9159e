using CsCheck;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class LeafCompareTests
{
    private const int BlockBytes = 4096;
    private static readonly BlkhashParameters Parameters = new(BlockBytes: BlockBytes);
    private static readonly CopyOptions Many = new() { Workers = 3, RequestBytes = 16 << 10, MismatchLimit = 1000 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void A_disk_and_a_map_two_maps_and_a_plain_loop_over_blocks_say_the_same() => Gen.Select(
        Gen.Int[0, 150_000],
        Gen.Int[-20_000, 20_000],
        Gen.Bool,
        Gen.Select(Gen.Int[0, 149_999], Gen.Int[1, 9000], Gen.Byte[0, 3]).Array[0, 8],
        Gen.Int[0, 36].Array[0, 3]).Sample(
        (length, more, aligned, changes, unknown) =>
        {
            using var scratch = new Scratch();
            if (aligned) (length, more) = (length / BlockBytes * BlockBytes, more / BlockBytes * BlockBytes);
            var a = new byte[length];
            new Random(length).NextBytes(a.AsSpan(0, length / 2));
            var b = new byte[Math.Max(0, length + more)];
            a.AsSpan(0, Math.Min(a.Length, b.Length)).CopyTo(b);
            foreach (var (offset, bytes, value) in changes)
                if (offset < b.Length) b.AsSpan(offset, Math.Min(bytes, b.Length - offset)).Fill(value);
            using var mapA = Hashed(scratch, "a", a);
            using var mapB = Hashed(scratch, "b", b);
            foreach (var block in unknown.Where(block => block < mapB.BlockCount)) mapB.SetUnknown(block, 1);

            using var diskA = new Opened(scratch["a"]);
            var found = new List<DiskDifference>();
            var result = LeafCompare.DiskWithMapAsync(diskA.Disk, mapB, mapIsFirst: false, Many, found.Add, null, default).GetAwaiter().GetResult();
            var byMaps = new List<DiskDifference>();
            var maps = LeafCompare.Maps(mapA, mapB, Many, byMaps.Add, default);

            // Block by block: what both have of it, and only blocks that a leaf says all of.
            var expected = Blocks(a, b, unknown);
            var rest = (a.Length > b.Length ? a : b).AsSpan(Math.Min(a.Length, b.Length));
            return Flat(found).SequenceEqual(expected)
                && found.TrueForAll(f => f.First is not { } first || (a[first.Offset] != 0 && b[first.Offset] == 0 && a.AsSpan((int)first.Offset).StartsWith(Convert.FromHexString(first.ExpectedBytes))))
                && (a.Length == b.Length) == (result.Rest == LongerEnd.None)
                && (result.Rest != LongerEnd.Zeros || !rest.ContainsAnyExcept((byte)0))
                && (result.Rest != LongerEnd.Data || rest.ContainsAnyExcept((byte)0))
                // Where no leaf is in the way, nothing is left open.
                && (result.Rest != LongerEnd.Unknown || b.Length > a.Length)
                // Maps say the same of whole blocks, and never more of the rest.
                && (a.Length != b.Length || Flat(byMaps).SequenceEqual(expected))
                && (maps.Rest != LongerEnd.Zeros || !rest.ContainsAnyExcept((byte)0))
                && (maps.Rest != LongerEnd.Data || rest.ContainsAnyExcept((byte)0))
                && (!maps.IsEqual(true) || result.IsEqual(true))
                && (!result.IsEqual(true) || (expected.Count == 0 && !rest.ContainsAnyExcept((byte)0)));
        },
        iter: 150);

    [Fact]
    public async Task A_longer_map_whose_rest_is_zeros_is_of_the_same_disk_where_those_may_be_ignored()
    {
        using var scratch = new Scratch();
        var a = new byte[10_000]; // it ends within a block
        new Random(1).NextBytes(a);
        using var longer = Hashed(scratch, "longer", [.. a, .. new byte[50_000]]);
        Hashed(scratch, "a", a).Dispose();
        await using var disk = Scratch.OpenRaw(scratch["a"]);
        var result = await LeafCompare.DiskWithMapAsync(disk, longer, mapIsFirst: true, Many, _ => Assert.Fail("nothing differs"), null, Cancel);
        Assert.Equal((60_000, 10_000, LongerEnd.Zeros, false, true), (result.LengthA, result.LengthB, result.Rest, result.IsEqual(false), result.IsEqual(true)));

        using var other = Hashed(scratch, "other", [.. a, .. new byte[40_000], 1]);
        Assert.Equal(LongerEnd.Data, (await LeafCompare.DiskWithMapAsync(disk, other, mapIsFirst: true, Many, _ => Assert.Fail("nothing differs"), null, Cancel)).Rest);
        using var near = Hashed(scratch, "near", [.. a, 1]); // in the block in which the disk ends: its leaf cannot tell where
        var unknown = await LeafCompare.DiskWithMapAsync(disk, near, mapIsFirst: true, Many, _ => Assert.Fail("nothing is known to differ"), null, Cancel);
        Assert.Equal((LongerEnd.Unknown, false), (unknown.Rest, unknown.IsEqual(true)));
    }

    [Fact]
    public async Task A_long_hole_is_compared_in_pieces_and_not_read()
    {
        using var scratch = new Scratch();
        const long Length = 3L << 30;
        var path = scratch.Raw("a", Length, 1, (0, 4096));
        using var map = scratch.Map("map", Length, Parameters);
        map.SetZeroes(0, map.BlockCount, BlockState.Zero);
        var first = new byte[BlockBytes];
        using (var file = PosixFile.Open(path, OpenMode.Read)) file.ReadExactlyAt(first, 0);
        map.SetData(0, System.Security.Cryptography.SHA256.HashData(first));
        map.SetData(700_000, new byte[Parameters.DigestBytes]);
        map.SetUnknown(map.BlockCount - 1, 1);
        await using var disk = new HookedDisk(Scratch.OpenRaw(path)) { AfterRead = (at, _) => at < 65536 ? default : throw new InvalidOperationException("a hole was read") };
        var found = new List<DiskDifference>();
        var last = default(DiskProgress);
        var result = await LeafCompare.DiskWithMapAsync(disk, map, mapIsFirst: false, CopyOptions.Default, found.Add, new Immediate(p => last = p), Cancel);
        Assert.Equal([new(700_000L * BlockBytes, BlockBytes, BlockDifferenceKind.Content), new(Length - BlockBytes, BlockBytes, BlockDifferenceKind.Unknown)], found);
        Assert.Equal((2, 2L * BlockBytes), (result.Ranges, result.DifferingBytes));
        Assert.Equal((Length, Length), (last.DoneBytes, last.TotalBytes));
    }

    /// <summary>What leaves can tell: a block differs where both disks have it, and its leaf is of bytes that both have or that are zeros.</summary>
    private static List<(long Offset, long End, BlockDifferenceKind Kind)> Blocks(byte[] disk, byte[] mapped, int[] unknown)
    {
        var found = new List<(long, long, BlockDifferenceKind)>();
        for (var at = 0; at < Math.Min(disk.Length, mapped.Length); at += BlockBytes)
        {
            var end = Math.Min(at + BlockBytes, Math.Min(disk.Length, mapped.Length));
            var mappedEnd = Math.Min(at + BlockBytes, mapped.Length);
            if (unknown.Contains(at / BlockBytes)) found.Add((at, end, BlockDifferenceKind.Unknown));
            else if (disk.AsSpan(at..end).SequenceEqual(mapped.AsSpan(at..end))) continue;
            else if (mappedEnd > end && mapped.AsSpan(at..mappedEnd).ContainsAnyExcept((byte)0)) continue; // on which side of the disk's end it differs, the leaf does not say
            else found.Add((at, end, BlockDifferenceKind.Content));
        }

        return found;
    }

    private static IEnumerable<(long Offset, long End, BlockDifferenceKind Kind)> Flat(IEnumerable<DiskDifference> differences)
    {
        foreach (var difference in differences)
            for (var at = difference.Offset; at < difference.End; at += BlockBytes) yield return (at, Math.Min(difference.End, at + BlockBytes), difference.Kind);
    }

    private static BlockMap Hashed(Scratch scratch, string name, byte[] content)
    {
        using (var file = PosixFile.Open(scratch[name], OpenMode.ReadWrite | OpenMode.CreateNew)) file.WriteAt(content, 0);
        using var disk = new Opened(scratch[name]);
        var map = scratch.Map(name + ".map", content.Length, Parameters);
        _ = DiskHash.RunAsync(disk.Disk, Parameters, map, CopyOptions.Default, null, default).GetAwaiter().GetResult();
        return map;
    }

    private sealed class Opened(string path) : IDisposable
    {
        public IDiskReader Disk { get; } = Scratch.OpenRaw(path);

        public void Dispose() => Disk.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private sealed class Immediate(Action<DiskProgress> report) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value) => report(value);
    }
}
