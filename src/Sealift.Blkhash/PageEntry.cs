namespace Sealift.Blkhash;

/// <summary>
/// What the index says of one page: all its blocks are in one state, or it lies in the file. 24 bytes in memory, so that a
/// disk of 64 TiB (2¹⁸ pages) takes 6 MiB.
/// </summary>
internal struct PageEntry
{
    /// <summary>An entry on disk.</summary>
    public const int Bytes = 32;

    /// <summary>Where the page is; 0 where it is not stored.</summary>
    public long Offset;

    /// <summary>The checksum of the stored page.</summary>
    public ulong Checksum;

    /// <summary>Blocks of the stored page that are unknown.</summary>
    public ushort UnknownBlocks;

    /// <summary>Blocks of the stored page that have a leaf.</summary>
    public ushort DataBlocks;

    /// <summary>The state of all blocks; <see cref="BlockState.Data"/> where the page is stored.</summary>
    public BlockState State;

    /// <summary>Not on disk: whether a checkpoint refers to the stored page, so that its space must be kept for a while.</summary>
    public bool IsCheckpointed;

    public readonly bool IsStored => State == BlockState.Data;

    public static PageEntry Uniform(BlockState state) => new() { State = state };
}
