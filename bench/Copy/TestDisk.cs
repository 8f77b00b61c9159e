using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.Bench.Copies;

/// <summary>A raw disk of known content in the scratch directory.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="LengthBytes">Its length.</param>
/// <param name="Pieces">Where it is not zero.</param>
internal sealed record TestDisk(string Path, long LengthBytes, IReadOnlyList<DiskPiece> Pieces)
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>Its blkhash, by our own reckoning.</summary>
    public string Hash { get; } = ReferenceHash.Of(Pieces, LengthBytes);

    /// <summary>A disk full of data.</summary>
    /// <param name="path">A new file.</param>
    /// <param name="lengthBytes">A whole number of blocks.</param>
    /// <param name="seed">Another one, other data.</param>
    /// <param name="half">Whether they can be compressed to half.</param>
    /// <param name="cancel">Cancels it.</param>
    public static TestDisk Dense(string path, long lengthBytes, ulong seed, bool half, CancellationToken cancel) =>
        Make(path, lengthBytes, [(0, lengthBytes)], seed, half, cancel);

    /// <summary>A disk that is mostly a hole, with data in pieces at equal distances.</summary>
    /// <param name="path">A new file.</param>
    /// <param name="lengthBytes">Its length; a whole number of blocks for each piece.</param>
    /// <param name="dataBytes">How much of it is data, in all.</param>
    /// <param name="pieces">In how many pieces.</param>
    /// <param name="seed">Another one, other data.</param>
    /// <param name="cancel">Cancels it.</param>
    public static TestDisk Sparse(string path, long lengthBytes, long dataBytes, int pieces, ulong seed, CancellationToken cancel) =>
        Make(path, lengthBytes, [.. Enumerable.Range(0, pieces).Select(i => (i * (lengthBytes / pieces / ReferenceHash.BlockBytes * ReferenceHash.BlockBytes), dataBytes / pieces))], seed, half: false, cancel);

    /// <summary>The hash of this disk followed by zeros.</summary>
    public string HashWhenExtended(long lengthBytes) => ReferenceHash.Of(Pieces, lengthBytes);

    private static TestDisk Make(string path, long lengthBytes, IReadOnlyList<(long Offset, long LengthBytes)> ranges, ulong seed, bool half, CancellationToken cancel)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(lengthBytes);
        var pieces = ranges.Select(r => new DiskPiece(r.Offset, r.LengthBytes, new byte[r.LengthBytes / ReferenceHash.BlockBytes * SHA256.HashSizeInBytes])).ToList();
        var chunks = pieces.SelectMany(p => Enumerable.Range(0, (int)((p.LengthBytes + ChunkBytes - 1) / ChunkBytes)).Select(i => (Piece: p, Offset: (long)i * ChunkBytes)));
        Parallel.ForEach(chunks, new ParallelOptions { CancellationToken = cancel, MaxDegreeOfParallelism = Environment.ProcessorCount }, () => new byte[ChunkBytes], (chunk, _, buffer) =>
        {
            var (piece, offset) = chunk;
            var bytes = buffer.AsSpan(0, (int)Math.Min(ChunkBytes, piece.LengthBytes - offset));
            var chunkSeed = seed ^ (ulong)(piece.Offset + offset); // SplitMix64 makes of near seeds what is far apart
            if (half) RandomBytes.FillHalf(bytes, chunkSeed);
            else RandomBytes.Fill(bytes, chunkSeed);
            for (var at = 0; at < bytes.Length; at += ReferenceHash.BlockBytes)
                SHA256.HashData(bytes.Slice(at, ReferenceHash.BlockBytes), piece.Leaves.AsSpan((int)((offset + at) / ReferenceHash.BlockBytes) * SHA256.HashSizeInBytes));
            file.WriteAt(bytes, piece.Offset + offset);
            return buffer;
        }, _ => { });
        file.Sync();
        return new TestDisk(path, lengthBytes, pieces);
    }
}
