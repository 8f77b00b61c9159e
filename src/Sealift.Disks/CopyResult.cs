namespace Sealift.Disks;

/// <summary>What a copy did.</summary>
/// <param name="Root">S: the blkhash of the source as it was read.</param>
/// <param name="DataBytes">Bytes read that were not zeros, and were written.</param>
/// <param name="ZeroBytes">Bytes read in blocks that were all zeros.</param>
/// <param name="HoleBytes">Bytes that the source's own allocation map says read as zeros; they were not read.</param>
/// <param name="ResumedBytes">Bytes that an earlier run had copied, and this one left alone.</param>
/// <param name="Elapsed">How long it took, flushes included.</param>
public sealed record CopyResult(byte[] Root, long DataBytes, long ZeroBytes, long HoleBytes, long ResumedBytes, TimeSpan Elapsed)
{
    /// <summary>Who copied it; null where nobody chose: then the engine did.</summary>
    public TransferReport? Transfer { get; init; }

    /// <summary>Why the source's allocation map was not believed and every byte was read; null where it was.</summary>
    public string? MapDoubt { get; init; }
}
