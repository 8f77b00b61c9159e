using Sealift.Blkhash;

namespace Sealift.Disks;

/// <summary>Finds the first byte of a mismatch. A leaf says which block differs; which byte it is, a second look at it can tell.</summary>
internal static class MismatchPlace
{
    /// <summary>Reads the first block of each range from both sides: at most <see cref="CopyOptions.MismatchLimit"/> of them.</summary>
    public static async Task<IReadOnlyList<Mismatch>> LocateAsync(IDiskReader source, Func<CancellationToken, Task<IUncachedReader>> openUncached, BlockMap map, IReadOnlyList<Mismatch> mismatches, CancellationToken cancel)
    {
        await using var target = await openUncached(cancel);
        var hasher = new LeafHasher(map.Parameters);
        using var wanted = new AlignedBuffer(map.BlockBytes);
        using var actual = new AlignedBuffer(map.BlockBytes);
        var located = new List<Mismatch>(mismatches.Count);
        foreach (var mismatch in mismatches)
        {
            var length = (int)Math.Min(map.BlockBytes, mismatch.Range.LengthBytes);
            await source.ReadAsSourceAsync(mismatch.Range.Offset, wanted.Memory[..length], cancel);
            await target.ReadBackAsync(mismatch.Range.Offset, actual.Memory[..length], cancel);
            // Only a source that still reads as it was copied can say what should be there; the repair judges one that does not.
            var stands = ReadBack.Compare(HashedChunk.Of(wanted.GetSpan()[..length], hasher), wanted.GetSpan()[..length], mismatch.Range.Offset, map).Count == 0;
            located.Add(stands ? mismatch with { First = FirstDifference.Between(mismatch.Range.Offset, wanted.GetSpan()[..length], actual.GetSpan()[..length]) } : mismatch);
        }

        return located;
    }
}
