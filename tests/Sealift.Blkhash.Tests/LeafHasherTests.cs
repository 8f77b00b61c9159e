using System.Security.Cryptography;
using CsCheck;

namespace Sealift.Blkhash.Tests;

/// <summary>Blocks in a row get the leaves that the framework gives each of them alone, whatever they are hashed by.</summary>
public sealed class LeafHasherTests
{
    /// <summary>Set where this program runs these tests once more, on a processor that is told to be an old one.</summary>
    private const string OldProcessor = "SEALIFT_TEST_OLD_PROCESSOR";

    [Fact]
    public void Millions_of_random_blocks_are_hashed_as_the_framework_hashes_them()
    {
        const int BlockBytes = 64, Blocks = 1 << 14;
        var hasher = new LeafHasher(new BlkhashParameters(BlockBytes: BlockBytes));
        var random = new Random(4711);
        var (bytes, leaves, states) = (new byte[Blocks * BlockBytes], new byte[Blocks * 32], new BlockState[Blocks]);
        Span<byte> expected = stackalloc byte[32];
        for (var round = 0; round < 128; round++)
        {
            random.NextBytes(bytes);
            hasher.HashOrZero(bytes, leaves, states);
            for (var i = 0; i < Blocks; i++)
            {
                SHA256.HashData(bytes.AsSpan(i * BlockBytes, BlockBytes), expected);
                if (!expected.SequenceEqual(leaves.AsSpan(i * 32, 32))) Assert.Fail($"round {round}, block {i}: {Convert.ToHexStringLower(bytes.AsSpan(i * BlockBytes, BlockBytes))}");
            }

            Assert.DoesNotContain(BlockState.Zero, states);
        }
    }

    /// <summary>Every digest, every size that lanes take and some that they do not; zeros in between, the last block short.</summary>
    [Fact]
    public void Blocks_in_a_row_are_hashed_as_each_alone() => Gen.Select(
        Gen.Int[1, 8].Select(n => n <= 4 ? (BlkhashAlgorithm)n : BlkhashAlgorithm.Sha256),
        Gen.Int[4, 13].Select(log => 1 << log), Gen.Int[1, 40], Gen.Int[0, 100], Gen.Double[0, 1], Gen.Int)
        .Sample((algorithm, blockBytes, blocks, cut, zeros, seed) =>
        {
            var parameters = new BlkhashParameters(algorithm, blockBytes);
            var random = new Random(seed);
            var bytes = new byte[(blocks * blockBytes) - (cut % blockBytes)];
            random.NextBytes(bytes);
            for (var i = 0; i < blocks; i++)
                if (random.NextDouble() < zeros) bytes.AsSpan(i * blockBytes, Math.Min(blockBytes, bytes.Length - (i * blockBytes))).Clear();
            var (leaves, states) = (new byte[blocks * parameters.DigestBytes], new BlockState[blocks]);
            var hasher = new LeafHasher(parameters);
            hasher.HashOrZero(bytes, leaves, states);
            for (var i = 0; i < blocks; i++)
            {
                var block = bytes.AsSpan(i * blockBytes, Math.Min(blockBytes, bytes.Length - (i * blockBytes)));
                Assert.Equal(Alone(algorithm, block), leaves.AsSpan(i * parameters.DigestBytes, parameters.DigestBytes).ToArray());
                Assert.Equal(block.ContainsAnyExcept((byte)0) ? BlockState.Data : BlockState.Zero, states[i]);
            }
        }, iter: 3000);

    /// <summary>The lengths in which the count of bits takes more than one word are beyond a block; those of 16 MiB take 28 bits.</summary>
    [Fact]
    public void The_largest_blocks_are_hashed_as_each_alone()
    {
        var parameters = new BlkhashParameters(BlockBytes: BlkhashParameters.MaximumBlockBytes);
        var bytes = new byte[10 * parameters.BlockBytes];
        new Random(5).NextBytes(bytes);
        var leaves = new byte[10 * 32];
        new LeafHasher(parameters).HashOrZero(bytes, leaves, new BlockState[10]);
        for (var i = 0; i < 10; i++) Assert.Equal(SHA256.HashData(bytes.AsSpan(i * parameters.BlockBytes, parameters.BlockBytes)), leaves.AsSpan(i * 32, 32).ToArray());
    }

    [Fact]
    public void Room_that_does_not_fit_the_blocks_is_refused()
    {
        var hasher = new LeafHasher(new BlkhashParameters(BlockBytes: 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => hasher.HashOrZero([], new byte[32], new BlockState[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => hasher.HashOrZero(new byte[65], new byte[64], new BlockState[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => hasher.HashOrZero(new byte[65], new byte[64], new BlockState[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => hasher.HashOrZero(new byte[65], new byte[63], new BlockState[2]));
    }

    [Fact]
    public void It_says_what_it_hashes_with()
    {
        var lanes = System.Runtime.Intrinsics.X86.Avx512BW.IsSupported;
        Assert.False(lanes && Environment.GetEnvironmentVariable(OldProcessor) is not null, "the intrinsics were not switched off");
        Assert.Equal(lanes ? "AVX-512, sixteen blocks at once" : "the framework, one block at once", new LeafHasher(BlkhashParameters.Default).Engine);
        foreach (var other in new[] { new BlkhashParameters(BlkhashAlgorithm.Sha512), new BlkhashParameters(BlockBytes: 32) })
            Assert.Equal("the framework, one block at once", new LeafHasher(other).Engine);
    }

    private static byte[] Alone(BlkhashAlgorithm algorithm, ReadOnlySpan<byte> block) => algorithm switch
    {
        BlkhashAlgorithm.Md5 => MD5.HashData(block),
        BlkhashAlgorithm.Sha1 => SHA1.HashData(block),
        BlkhashAlgorithm.Sha256 => SHA256.HashData(block),
        _ => SHA512.HashData(block),
    };
}
