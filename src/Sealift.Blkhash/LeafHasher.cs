using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Sealift.Blkhash;

/// <summary>Makes leaves: the digest of one block. Safe for use from many threads; nothing is allocated per block.</summary>
public sealed class LeafHasher
{
    // Sixteen lanes take as long as nine blocks one by one on a processor with SHA instructions, and as three or four on one without.
    private const int FewestForLanes = 10;

    private readonly byte[] zeroLeaf;
    private byte[]? shortZeros; // the last partial length asked for, with its digest: a disk has at most one

    /// <summary>Prepares for a digest and a block size.</summary>
    public LeafHasher(BlkhashParameters parameters)
    {
        Parameters = parameters;
        zeroLeaf = ZeroLeafCache.Of(parameters);
    }

    /// <summary>The digest and the block size.</summary>
    public BlkhashParameters Parameters { get; }

    /// <summary>The leaf of a whole block of zeros.</summary>
    public ReadOnlySpan<byte> ZeroLeaf => zeroLeaf;

    /// <summary>The leaf of a block of zeros of any length; only the disk's last block is shorter than the others.</summary>
    /// <param name="blockBytes">From 1 to the block size.</param>
    public ReadOnlySpan<byte> ZeroLeafOf(int blockBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blockBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blockBytes, Parameters.BlockBytes);
        if (blockBytes == Parameters.BlockBytes) return zeroLeaf;
        var cached = Volatile.Read(ref shortZeros);
        if (cached is null || MemoryMarshal.Read<int>(cached) != blockBytes)
        {
            cached = new byte[sizeof(int) + Parameters.DigestBytes];
            MemoryMarshal.Write(cached, blockBytes);
            Digest(Parameters.Algorithm, new byte[blockBytes], cached.AsSpan(sizeof(int)));
            Volatile.Write(ref shortZeros, cached);
        }

        return cached.AsSpan(sizeof(int));
    }

    /// <summary>Writes the leaf of a block: its bytes, unpadded, digested.</summary>
    /// <param name="block">From 1 byte to the block size; the caller passes fewer than the block size only for the last block.</param>
    /// <param name="leaf">Receives <see cref="BlkhashParameters.DigestBytes"/> bytes.</param>
    public void Hash(ReadOnlySpan<byte> block, Span<byte> leaf)
    {
        ArgumentOutOfRangeException.ThrowIfZero(block.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(block.Length, Parameters.BlockBytes);
        Digest(Parameters.Algorithm, block, leaf);
    }

    /// <summary>As <see cref="Hash"/>, but a block of zeros is recognised and gets its leaf without being digested.</summary>
    /// <returns><see cref="BlockState.Zero"/> or <see cref="BlockState.Data"/>.</returns>
    public BlockState HashOrZero(ReadOnlySpan<byte> block, Span<byte> leaf)
    {
        if (!IsZero(block))
        {
            Hash(block, leaf);
            return BlockState.Data;
        }

        ZeroLeafOf(block.Length).CopyTo(leaf);
        return BlockState.Zero;
    }

    /// <summary>
    /// As <see cref="HashOrZero(ReadOnlySpan{byte}, Span{byte})"/> for blocks in a row: sixteen at once where the digest is SHA-256 and the processor can do that.
    /// </summary>
    /// <param name="blocks">Only the last block may be short.</param>
    /// <param name="leaves">Receives the leaves, in order.</param>
    /// <param name="states">Receives <see cref="BlockState.Zero"/> or <see cref="BlockState.Data"/> for each, as many as there are blocks.</param>
    public unsafe void HashOrZero(ReadOnlySpan<byte> blocks, Span<byte> leaves, Span<BlockState> states)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(states.Length, Parameters.BlockCount(blocks.Length));
        var (blockBytes, digestBytes) = (Parameters.BlockBytes, Parameters.DigestBytes);
        var useLanes = HashesInLanes;
        Span<int> waiting = stackalloc int[Sha256Lanes.Count];
        var count = 0;
        for (var i = 0; i < states.Length; i++)
        {
            var block = blocks[(i * blockBytes)..Math.Min(blocks.Length, (i + 1) * blockBytes)];
            var leaf = leaves.Slice(i * digestBytes, digestBytes);
            if (!useLanes || block.Length < blockBytes)
            {
                states[i] = HashOrZero(block, leaf);
                continue;
            }

            states[i] = IsZero(block) ? BlockState.Zero : BlockState.Data;
            if (states[i] == BlockState.Zero) zeroLeaf.CopyTo(leaf);
            else waiting[count++] = i;
            if (count == Sha256Lanes.Count) HashWaiting(blocks, leaves, waiting, ref count);
        }

        HashWaiting(blocks, leaves, waiting, ref count);
    }

    /// <summary>How leaves are made on this machine, for people.</summary>
    public string Engine => HashesInLanes ? "AVX-512, sixteen blocks at once" : "the framework, one block at once";

    /// <summary>Whether every byte is zero. Ends at the first that is not; the runtime compares whole vectors (over 100 GB/s in cache).</summary>
    public static bool IsZero(ReadOnlySpan<byte> bytes) => !bytes.ContainsAnyExcept((byte)0);

    private bool HashesInLanes => Parameters.Algorithm == BlkhashAlgorithm.Sha256 && Parameters.BlockBytes % Sha256Lanes.StepBytes == 0 && BlockLanes.IsSupported;

    private unsafe void HashWaiting(ReadOnlySpan<byte> blocks, Span<byte> leaves, Span<int> waiting, ref int count)
    {
        if (count < FewestForLanes)
        {
            foreach (var i in waiting[..count]) Hash(blocks.Slice(i * Parameters.BlockBytes, Parameters.BlockBytes), leaves.Slice(i * Parameters.DigestBytes, Parameters.DigestBytes));
        }
        else
        {
            byte** from = stackalloc byte*[Sha256Lanes.Count], to = stackalloc byte*[Sha256Lanes.Count];
            fixed (byte* block = blocks, leaf = leaves)
            {
                // What is left of the lanes hashes the last block again.
                for (var lane = 0; lane < Sha256Lanes.Count; lane++)
                {
                    var i = waiting[Math.Min(lane, count - 1)];
                    from[lane] = block + ((nint)i * Parameters.BlockBytes);
                    to[lane] = leaf + ((nint)i * Parameters.DigestBytes);
                }

                BlockLanes.Hash(from, Parameters.BlockBytes, to);
            }
        }

        count = 0;
    }

    internal static void Digest(BlkhashAlgorithm algorithm, ReadOnlySpan<byte> bytes, Span<byte> digest)
    {
        _ = algorithm switch
        {
            BlkhashAlgorithm.Md5 => MD5.HashData(bytes, digest),
            BlkhashAlgorithm.Sha1 => SHA1.HashData(bytes, digest),
            BlkhashAlgorithm.Sha256 => SHA256.HashData(bytes, digest),
            _ => SHA512.HashData(bytes, digest),
        };
    }

    private static class ZeroLeafCache
    {
        // At most 4 digests × 23 block sizes.
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<BlkhashParameters, byte[]> Leaves = new();

        public static byte[] Of(BlkhashParameters parameters) => Leaves.GetOrAdd(parameters, static p =>
        {
            var leaf = new byte[p.DigestBytes];
            Digest(p.Algorithm, new byte[p.BlockBytes], leaf);
            return leaf;
        });
    }
}
