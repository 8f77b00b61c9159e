using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Sealift.Bench.Copies;

/// <summary>blkhash as its page writes it (docs/formats/blkhash.md), sha256 and blocks of 64 KiB: what sealift says is compared with it, so it shares nothing with sealift.</summary>
internal static class ReferenceHash
{
    public const int BlockBytes = 64 << 10;

    /// <summary>The hash of a disk of which only some pieces are not zero.</summary>
    /// <param name="pieces">In order, each a whole number of blocks.</param>
    /// <param name="lengthBytes">The disk's; a whole number of blocks.</param>
    public static string Of(IEnumerable<DiskPiece> pieces, long lengthBytes)
    {
        using var outer = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var at = 0L;
        foreach (var piece in pieces)
        {
            AddZeros(outer, (piece.Offset - at) / BlockBytes);
            outer.AppendData(piece.Leaves);
            at = piece.Offset + piece.LengthBytes;
        }

        AddZeros(outer, (lengthBytes - at) / BlockBytes);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, lengthBytes);
        outer.AppendData(length);
        return Convert.ToHexStringLower(outer.GetHashAndReset());
    }

    private static void AddZeros(IncrementalHash outer, long blocks)
    {
        if (blocks == 0) return;
        const int Batch = 4096; // 128 KiB of leaves: within the cache
        var leaf = SHA256.HashData(new byte[BlockBytes]);
        var leaves = new byte[Batch * leaf.Length];
        for (var i = 0; i < Batch; i++) leaf.CopyTo(leaves, i * leaf.Length);
        for (; blocks > 0; blocks -= Batch) outer.AppendData(leaves.AsSpan(0, (int)Math.Min(blocks, Batch) * leaf.Length));
    }
}
