using System.Numerics;

namespace Sealift.Blkhash;

/// <summary>What two blkhash values must have in common before they can be compared.</summary>
public sealed record BlkhashParameters
{
    /// <summary>The smallest block, in bytes.</summary>
    public const int MinimumBlockBytes = 4;

    /// <summary>The largest block, in bytes: 16 MiB.</summary>
    public const int MaximumBlockBytes = 1 << 24;

    /// <summary>The block of <c>blksum</c> and <c>nbdcopy</c> unless they are told otherwise: 64 KiB.</summary>
    public const int DefaultBlockBytes = 1 << 16;

    /// <summary>Checks and keeps the parameters.</summary>
    /// <param name="Algorithm">The digest.</param>
    /// <param name="BlockBytes">Bytes in a block: a power of two from <see cref="MinimumBlockBytes"/> to <see cref="MaximumBlockBytes"/>.</param>
    /// <exception cref="Posix.SealiftException">SL2001: the block size or the algorithm is none of these.</exception>
    public BlkhashParameters(BlkhashAlgorithm Algorithm = BlkhashAlgorithm.Sha256, int BlockBytes = DefaultBlockBytes)
    {
        if (BlockBytes is < MinimumBlockBytes or > MaximumBlockBytes || !BitOperations.IsPow2(BlockBytes))
            throw BlkhashErrors.BadBlockSize(BlockBytes);
        if (!Enum.IsDefined(Algorithm)) throw BlkhashErrors.UnknownAlgorithm(((int)Algorithm).ToString(System.Globalization.CultureInfo.InvariantCulture));
        this.Algorithm = Algorithm;
        this.BlockBytes = BlockBytes;
    }

    /// <summary>SHA-256 over blocks of 64 KiB.</summary>
    public static BlkhashParameters Default { get; } = new();

    /// <summary>The digest.</summary>
    public BlkhashAlgorithm Algorithm { get; }

    /// <summary>Bytes in a block.</summary>
    public int BlockBytes { get; }

    /// <summary>Bytes in a leaf and in the root.</summary>
    public int DigestBytes => Algorithm switch
    {
        BlkhashAlgorithm.Md5 => 16,
        BlkhashAlgorithm.Sha1 => 20,
        BlkhashAlgorithm.Sha256 => 32,
        _ => 64,
    };

    /// <summary>The name used in seals and maps: <c>blkhash-sha256-64k</c>, or with a block below 1 KiB <c>blkhash-md5-4</c>.</summary>
    public string Name => $"blkhash-{AlgorithmName}-{(BlockBytes >= 1024 ? $"{BlockBytes / 1024}k" : $"{BlockBytes}")}";

    /// <summary>The name of the digest as <c>blksum --digest</c> takes it: <c>md5</c>, <c>sha1</c>, <c>sha256</c>, <c>sha512</c>.</summary>
    public string AlgorithmName => Algorithm switch
    {
        BlkhashAlgorithm.Md5 => "md5",
        BlkhashAlgorithm.Sha1 => "sha1",
        BlkhashAlgorithm.Sha256 => "sha256",
        _ => "sha512",
    };

    /// <summary>The digest of a name such as <c>sha256</c> (case does not matter).</summary>
    /// <exception cref="Posix.SealiftException">SL2002: no such digest.</exception>
    public static BlkhashAlgorithm ParseAlgorithm(string name) => name.ToUpperInvariant() switch
    {
        "MD5" => BlkhashAlgorithm.Md5,
        "SHA1" => BlkhashAlgorithm.Sha1,
        "SHA256" => BlkhashAlgorithm.Sha256,
        "SHA512" => BlkhashAlgorithm.Sha512,
        _ => throw BlkhashErrors.UnknownAlgorithm(name),
    };

    /// <summary>The number of blocks that a length takes, the short last one included.</summary>
    public long BlockCount(long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        return (lengthBytes / BlockBytes) + (lengthBytes % BlockBytes == 0 ? 0 : 1);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
