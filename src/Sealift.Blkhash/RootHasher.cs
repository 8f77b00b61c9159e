using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Sealift.Blkhash;

/// <summary>
/// Makes the root from the leaves in order: <c>H(leaf₁ ‖ … ‖ leafₙ ‖ LE64(length))</c>, the value that <c>blksum</c> and
/// <c>nbdcopy --blkhash</c> print (Soffer and Waisbard, SECRYPT 2024; docs/formats/blkhash.md).
/// </summary>
public sealed class RootHasher : IDisposable
{
    // Leaves are gathered before they are digested: a call into the provider costs more than digesting one leaf.
    private const int BufferedLeaves = 2048;

    private readonly IncrementalHash outer;
    private readonly LeafHasher leaves;
    private readonly byte[] buffer;
    private byte[]? zeroLeaves;
    private int buffered;
    private bool finished;

    /// <summary>Starts a root.</summary>
    public RootHasher(BlkhashParameters parameters)
    {
        Parameters = parameters;
        leaves = new LeafHasher(parameters);
        buffer = new byte[BufferedLeaves * parameters.DigestBytes];
        outer = IncrementalHash.CreateHash(parameters.Algorithm switch
        {
            BlkhashAlgorithm.Md5 => HashAlgorithmName.MD5,
            BlkhashAlgorithm.Sha1 => HashAlgorithmName.SHA1,
            BlkhashAlgorithm.Sha256 => HashAlgorithmName.SHA256,
            _ => HashAlgorithmName.SHA512,
        });
    }

    /// <summary>The digest and the block size.</summary>
    public BlkhashParameters Parameters { get; }

    /// <summary>The leaves so far.</summary>
    public long LeafCount { get; private set; }

    /// <summary>Appends the next leaf.</summary>
    /// <param name="leaf">Exactly <see cref="BlkhashParameters.DigestBytes"/> bytes.</param>
    public void Append(ReadOnlySpan<byte> leaf)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(leaf.Length, Parameters.DigestBytes);
        ThrowIfFinished();
        if (buffered == buffer.Length) Drain();
        leaf.CopyTo(buffer.AsSpan(buffered));
        buffered += leaf.Length;
        LeafCount++;
    }

    /// <summary>Appends the leaves of whole blocks of zeros; a short last block of zeros is appended as <see cref="LeafHasher.ZeroLeafOf"/>.</summary>
    /// <param name="count">The number of blocks, from 0.</param>
    public void AppendZeroBlocks(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ThrowIfFinished();
        LeafCount += count;
        Drain();
        if (count > 0 && zeroLeaves is null)
        {
            zeroLeaves = new byte[BufferedLeaves * Parameters.DigestBytes];
            for (var i = 0; i < zeroLeaves.Length; i += Parameters.DigestBytes) leaves.ZeroLeaf.CopyTo(zeroLeaves.AsSpan(i));
        }

        for (; count > 0; count -= BufferedLeaves)
            outer.AppendData(zeroLeaves.AsSpan(0, (int)Math.Min(count, BufferedLeaves) * Parameters.DigestBytes));
    }

    /// <summary>Appends the leaves of a run of zeros; it begins with a block, and ends with one or with the disk.</summary>
    /// <param name="lengthBytes">From 0.</param>
    public void AppendZeroes(long lengthBytes)
    {
        AppendZeroBlocks(lengthBytes / Parameters.BlockBytes);
        if (lengthBytes % Parameters.BlockBytes is var rest and > 0) Append(leaves.ZeroLeafOf((int)rest)); // the disk ends within a block
    }

    /// <summary>Ends the root; nothing can be appended after it.</summary>
    /// <param name="lengthBytes">The length of what was hashed, in bytes. It must fit the number of leaves.</param>
    /// <exception cref="ArgumentException">That length does not have this number of blocks: the caller lost or invented leaves.</exception>
    public byte[] Finish(long lengthBytes)
    {
        ThrowIfFinished();
        if (Parameters.BlockCount(lengthBytes) != LeafCount)
            throw new ArgumentException($"{lengthBytes} bytes are {Parameters.BlockCount(lengthBytes)} blocks, but {LeafCount} leaves were appended", nameof(lengthBytes));
        Drain();
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, lengthBytes);
        outer.AppendData(length);
        finished = true;
        return outer.GetHashAndReset();
    }

    /// <inheritdoc/>
    public void Dispose() => outer.Dispose();

    private void Drain()
    {
        outer.AppendData(buffer, 0, buffered);
        buffered = 0;
    }

    private void ThrowIfFinished()
    {
        if (finished) throw new InvalidOperationException("the root is finished");
    }
}
