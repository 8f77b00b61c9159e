using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Sealift.Blkhash.Tests;

/// <summary>The construction as the paper writes it, in the fewest words; shares nothing with the product.</summary>
public static class NaiveBlkhash
{
    public static byte[] Digest(BlkhashAlgorithm algorithm, byte[] bytes) => algorithm switch
    {
        BlkhashAlgorithm.Md5 => MD5.HashData(bytes),
        BlkhashAlgorithm.Sha1 => SHA1.HashData(bytes),
        BlkhashAlgorithm.Sha256 => SHA256.HashData(bytes),
        BlkhashAlgorithm.Sha512 => SHA512.HashData(bytes),
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm)),
    };

    public static byte[] Root(BlkhashParameters p, byte[] disk)
    {
        var outer = new List<byte>();
        for (var i = 0; i < disk.Length; i += p.BlockBytes) outer.AddRange(Digest(p.Algorithm, disk[i..Math.Min(i + p.BlockBytes, disk.Length)]));
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)disk.Length);
        outer.AddRange(length);
        return Digest(p.Algorithm, [.. outer]);
    }
}
