using Sealift.Blkhash;

namespace Sealift.Disks;

/// <summary>A range in which two disks differ, or are not known to be equal.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="LengthBytes">Length in bytes, at least 1.</param>
/// <param name="Kind"><see cref="BlockDifferenceKind.Content"/>, or <see cref="BlockDifferenceKind.Unknown"/> where a block map does not know its block.</param>
/// <param name="First">
/// The first byte that differs, with what the first disk ("expected") and the second one ("actual") have there; null where the bytes
/// of one of them are not known, as those behind a leaf.
/// </param>
public readonly record struct DiskDifference(long Offset, long LengthBytes, BlockDifferenceKind Kind, FirstDifference? First = null)
{
    /// <summary>The first offset after it.</summary>
    public long End => Offset + LengthBytes;
}

/// <summary>What the longer of two disks holds behind the end of the shorter one.</summary>
public enum LongerEnd
{
    /// <summary>They are equally long.</summary>
    None,

    /// <summary>It reads as zeros.</summary>
    Zeros,

    /// <summary>It has bytes there that are not zeros.</summary>
    Data,

    /// <summary>By the leaves alone nobody can tell.</summary>
    Unknown,
}

/// <summary>What a comparison found.</summary>
/// <param name="LengthA">The length of the first disk in bytes.</param>
/// <param name="LengthB">The length of the second one.</param>
/// <param name="Ranges">How many ranges differ, as far as both disks go; neighbours are merged.</param>
/// <param name="DifferingBytes">The bytes in them.</param>
/// <param name="ListedRanges">How many of them were told one by one: the first <see cref="CopyOptions.MismatchLimit"/>.</param>
/// <param name="Rest">What lies behind the end of the shorter disk.</param>
public sealed record DiskComparison(long LengthA, long LengthB, long Ranges, long DifferingBytes, long ListedRanges, LongerEnd Rest)
{
    /// <summary>Whether the two are the same disk.</summary>
    /// <param name="ignoreTrailingZeros">Whether zeros at the end of the longer one do not count.</param>
    public bool IsEqual(bool ignoreTrailingZeros) => Ranges == 0 && (Rest == LongerEnd.None || (ignoreTrailingZeros && Rest == LongerEnd.Zeros));
}
