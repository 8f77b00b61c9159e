namespace Sealift.Nbd;

/// <summary>A range of an export with one status in one metadata context.</summary>
/// <param name="Offset">Bytes from the start of the export.</param>
/// <param name="LengthBytes">Length in bytes, never 0.</param>
/// <param name="Flags">What it means depends on the context; for <c>base:allocation</c> see <see cref="NbdAllocation"/>.</param>
public readonly record struct NbdExtent(long Offset, long LengthBytes, uint Flags)
{
    /// <summary>The first offset after it.</summary>
    public long End => Offset + LengthBytes;
}

/// <summary>The flags of the <c>base:allocation</c> context (NBD protocol, "base metadata context").</summary>
public static class NbdAllocation
{
    /// <summary>The name of the context.</summary>
    public const string Context = "base:allocation";

    /// <summary>NBD_STATE_HOLE: takes no space. By itself it does not say that the range reads as zeros.</summary>
    public const uint Hole = 1;

    /// <summary>NBD_STATE_ZERO: reads as zeros.</summary>
    public const uint Zero = 2;
}
