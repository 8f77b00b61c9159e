using CsCheck;

namespace Sealift.Disks.Tests;

public sealed class BlockSetTests
{
    [Fact]
    public void It_holds_what_was_put_into_it_as_merged_ranges() => Gen.Long[0, 20_000].Array[0, 300].Sample(
        blocks =>
        {
            const int BlockBytes = 512;
            const long DiskBytes = (20_000 * BlockBytes) + 100; // its last block is short
            var set = new BlockSet();
            foreach (var block in blocks) set.Add(block);
            var ranges = set.Ranges(BlockBytes, DiskBytes).ToList();
            var covered = ranges.SelectMany(r => Enumerable.Range((int)(r.Offset / BlockBytes), (int)((r.LengthBytes + BlockBytes - 1) / BlockBytes))).Select(b => (long)b);
            return set.Count == blocks.Distinct().Count()
                && covered.SequenceEqual(blocks.Distinct().Order())
                && ranges.TrueForAll(r => r.LengthBytes > 0 && r.Offset % BlockBytes == 0 && r.End <= DiskBytes)
                && ranges.Zip(ranges.Skip(1)).All(pair => pair.First.End < pair.Second.Offset);
        },
        iter: 500);
}
