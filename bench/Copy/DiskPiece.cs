namespace Sealift.Bench.Copies;

/// <summary>A stretch of a disk that is not zero.</summary>
/// <param name="Offset">In bytes.</param>
/// <param name="LengthBytes">A whole number of blocks.</param>
/// <param name="Leaves">The SHA-256 of each of its blocks, one after the other.</param>
internal sealed record DiskPiece(long Offset, long LengthBytes, byte[] Leaves);
