namespace Sealift.Blkhash;

/// <summary>Neighbouring blocks in one state.</summary>
/// <param name="First">The first block's number, from 0.</param>
/// <param name="Count">The number of blocks, at least 1.</param>
/// <param name="State">Their state.</param>
public readonly record struct BlockRun(long First, long Count, BlockState State);
