namespace Sealift.Disks;

/// <summary>A range of the target that did not read back as it was copied; its ends are those of blocks.</summary>
/// <param name="Range">The neighbouring blocks that differ, merged.</param>
/// <param name="FirstBlock">The number of the first one.</param>
/// <param name="ExpectedLeaf">The first block's leaf in the map, in lower-case hex.</param>
/// <param name="ActualLeaf">The first block's leaf as it was read back.</param>
/// <param name="FirstBytes">The first 16 bytes of the first block as they were read back, in lower-case hex.</param>
public sealed record Mismatch(DiskRange Range, long FirstBlock, string ExpectedLeaf, string ActualLeaf, string FirstBytes)
{
    /// <summary>The first byte that differs and what should be there; null where it is not known, or could not be seen a second time.</summary>
    public FirstDifference? First { get; init; }

    /// <summary>What was found, in words.</summary>
    public override string ToString() => First is { } first
        ? $"{Range.LengthBytes} bytes at offset {Range.Offset} read back different, first at byte {first.Offset}: {first.ActualBytes} instead of {first.ExpectedBytes}"
        : $"{Range.LengthBytes} bytes at offset {Range.Offset} read back different (the block begins with {FirstBytes})";
}

/// <summary>The first byte in which two disks differ.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="ExpectedBytes">Up to 16 bytes of the source from there, in lower-case hex.</param>
/// <param name="ActualBytes">Up to 16 bytes of the target from there.</param>
public sealed record FirstDifference(long Offset, string ExpectedBytes, string ActualBytes)
{
    private const int ShownBytes = 16;

    /// <summary>Compares two equally long pieces of two disks.</summary>
    /// <returns>Null where they are equal.</returns>
    internal static FirstDifference? Between(long offset, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        var at = expected.CommonPrefixLength(actual);
        if (at == expected.Length) return null;
        var end = Math.Min(expected.Length, at + ShownBytes);
        return new FirstDifference(offset + at, Convert.ToHexStringLower(expected[at..end]), Convert.ToHexStringLower(actual[at..end]));
    }
}

/// <summary>What a read-back found.</summary>
/// <param name="Root">T: the blkhash of the target as it was read back.</param>
/// <param name="Mismatches">The ranges that differ, in order; at most <see cref="CopyOptions.MismatchLimit"/> of them.</param>
/// <param name="MismatchedBytes">The bytes in all differing blocks, also in those that are not listed.</param>
/// <param name="MismatchesOmitted">Whether there are more ranges than <paramref name="Mismatches"/> lists.</param>
/// <param name="CacheBypass">How the page cache was bypassed, or a statement that it was not; and how many bytes of holes were not read.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record ReadBackResult(byte[] Root, IReadOnlyList<Mismatch> Mismatches, long MismatchedBytes, bool MismatchesOmitted, string CacheBypass, TimeSpan Elapsed)
{
    /// <summary>Bytes that were copied as zeros and lie in holes of the target, by its allocation map, which was checked; they were not read.</summary>
    public long HoleBytes { get; init; }

    /// <summary>Bytes that were read back before, as they should be, and were not read again.</summary>
    public long ProvenBytes { get; init; }

    /// <summary>Whether every block read back as expected.</summary>
    public bool IsEqual => MismatchedBytes == 0;
}
