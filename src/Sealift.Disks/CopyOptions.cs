namespace Sealift.Disks;

/// <summary>How a disk is copied, read back or hashed. The defaults are right for most machines.</summary>
public sealed record CopyOptions
{
    /// <summary>The most chunks that are worked on at once.</summary>
    public const int MaximumWorkers = 64;

    /// <summary>The longest request: 32 MiB, what every NBD server must take.</summary>
    public const int MaximumRequestBytes = 32 << 20;

    /// <summary>The defaults.</summary>
    public static CopyOptions Default { get; } = new();

    /// <summary>
    /// Chunks worked on at once, 1 to 64. The default is four for each processor, at least eight: while one is hashed, others wait
    /// for the disk. Memory is this many chunks.
    /// </summary>
    public int Workers { get; init; } = Math.Clamp(4 * Environment.ProcessorCount, 8, MaximumWorkers);

    /// <summary>How many results may wait for an older chunk that is slow: a few for each worker keep all of them busy.</summary>
    internal int WindowChunks => 4 * Workers;

    /// <summary>
    /// Bytes that are asked for at once, and the length of a chunk; a power of two, at most <see cref="MaximumRequestBytes"/>. Where a
    /// block is larger, a chunk is one block. Default 1 MiB.
    /// </summary>
    public int RequestBytes { get; init; } = BlockRuns.PreferredChunkBytes;

    /// <summary>How fast the source may be read; null: as fast as it can be. A read-back of the target is not slowed.</summary>
    public BandwidthLimit? Bandwidth { get; init; }

    /// <summary>
    /// Whether the target is known to read as zeros where nothing was written, as a disk fresh from
    /// <see cref="DiskImage.CreateAsync"/> does. Otherwise zeros are written explicitly (<see cref="IDiskWriter.WriteZeroesAsync"/>).
    /// </summary>
    public bool TargetReadsZeroes { get; init; }

    /// <summary>
    /// After so many bytes of the disk the target is flushed and the map brought to stable storage, in this order, so that whatever the
    /// map claims after a crash really is on the target. 0: only at the end. Default 4 GiB.
    /// </summary>
    public long CheckpointBytes { get; init; } = 4L << 30;

    /// <summary>
    /// Whether blocks that the map knows already are left alone: they were copied, flushed and recorded by an earlier run with the same
    /// source at the same point in time. Otherwise everything is copied, whatever the map says.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>
    /// With <see cref="Resume"/>: blocks that the map knows are read from the source again and compared with it (SL4201 where they
    /// differ), for sources that show no sign of a change. They are not written again.
    /// </summary>
    public bool CompareKnown { get; init; }

    /// <summary>
    /// With <see cref="Resume"/>: nothing but the blocks that the map does not know is looked at, neither in the source nor on the target,
    /// block by block. A resumed copy, which asks for less exactness, zeroes the holes once more.
    /// </summary>
    internal bool OnlyUnknown { get; init; }

    /// <summary>
    /// Where the target is read back while it is copied, it is flushed after so many bytes: a disk of 1 GB/s writes the default of 128 MiB
    /// in 0.13 s, against which the flush of its cache counts little; and no more than this is left to be read when the copy is done.
    /// </summary>
    public long FlushBytes { get; init; } = 128L << 20;

    /// <summary>
    /// Storage that copies this one disk by itself: what it copies is not written, and read back only when it has ended. Null: every
    /// byte is written by the engine.
    /// </summary>
    public Offload? Offload { get; init; }

    /// <summary>
    /// What the target may hold already, to be read while it is written: a block that reads there as it does in the source is not written.
    /// Null: nobody looks, and all is written.
    /// </summary>
    public PrefilledDisk? Prefilled { get; init; }

    /// <summary>Measures where the time of one copy and of its read-back goes; null: nobody asks.</summary>
    public StageMeter? Stages { get; init; }

    /// <summary>The most separate differing ranges that a read-back reports one by one, at least 1. Default 256.</summary>
    public int MismatchLimit { get; init; } = 256;

    /// <summary>Told by a read-back of each block that differs, in order, without a limit.</summary>
    internal Action<long>? OnDifferingBlock { get; init; }
}
