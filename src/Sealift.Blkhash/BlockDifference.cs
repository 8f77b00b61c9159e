namespace Sealift.Blkhash;

/// <summary>Why a range of two maps does not compare as equal.</summary>
public enum BlockDifferenceKind
{
    /// <summary>Both sides were hashed, and the leaves differ.</summary>
    Content,

    /// <summary>At least one side was never hashed there: nothing is known, so it is not equal.</summary>
    Unknown,

    /// <summary>One disk ends before this range does.</summary>
    Length,
}

/// <summary>A range in which two disks differ, or are not known to be equal.</summary>
/// <param name="Offset">Bytes from the start of the disk; a multiple of the block size, except where the shorter disk ends.</param>
/// <param name="LengthBytes">Length in bytes, at least 1.</param>
/// <param name="Kind">Why.</param>
public readonly record struct BlockDifference(long Offset, long LengthBytes, BlockDifferenceKind Kind);
