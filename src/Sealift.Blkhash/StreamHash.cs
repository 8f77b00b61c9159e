namespace Sealift.Blkhash;

/// <summary>Reads the next bytes of a stream into the buffer.</summary>
/// <returns>The number of bytes, at least 1; 0 only at the end.</returns>
public delegate int ReadNext(Span<byte> buffer);

/// <summary>Receives leaves in order.</summary>
/// <param name="block">The block's number, from 0.</param>
/// <param name="state"><see cref="BlockState.Zero"/> or <see cref="BlockState.Data"/>.</param>
/// <param name="leaf">The leaf; valid during the call only.</param>
public delegate void LeafSink(long block, BlockState state, ReadOnlySpan<byte> leaf);

/// <summary>The root of something, and the length that is part of it.</summary>
/// <param name="Root">The blkhash.</param>
/// <param name="LengthBytes">The length in bytes.</param>
public sealed record BlkhashValue(byte[] Root, long LengthBytes);

/// <summary>Hashes what can only be read forwards, such as standard input.</summary>
public static class StreamHash
{
    /// <summary>Two batches take turns: while one is read, the leaves of the other are made on all cores.</summary>
    private const int BatchBytes = 4 << 20;

    /// <summary>Reads to the end and hashes; memory stays the same whatever the length (two batches of 4 MiB, or of one larger block).</summary>
    /// <param name="read">Called from the caller's thread until it returns 0. What it throws ends the hash.</param>
    /// <param name="parameters">Digest and block size.</param>
    /// <param name="onLeaf">Called in order on the caller's thread (for a map), where given.</param>
    /// <param name="cancel">Checked between reads; a read that blocks must end by itself.</param>
    public static BlkhashValue Compute(ReadNext read, BlkhashParameters parameters, LeafSink? onLeaf = null, CancellationToken cancel = default)
    {
        using var root = new RootHasher(parameters);
        var leaves = new LeafHasher(parameters);
        Batch reading = new(leaves), hashing = new(leaves);
        long lengthBytes = 0;
        var hashed = Task.CompletedTask;
        try
        {
            do
            {
                reading.Fill(read, cancel);
                lengthBytes += reading.LengthBytes;
                hashed.GetAwaiter().GetResult();
                hashing.Deliver(root, onLeaf);
                (reading, hashing) = (hashing, reading);
                hashed = Task.Run(hashing.Hash, cancel);
            }
            while (hashing.IsFull);
        }
        finally
        {
            // The batch must not be in use any more when this returns, whatever ended the loop.
            ((IAsyncResult)hashed).AsyncWaitHandle.WaitOne();
        }

        hashed.GetAwaiter().GetResult();
        hashing.Deliver(root, onLeaf);
        return new BlkhashValue(root.Finish(lengthBytes), lengthBytes);
    }

    private sealed class Batch
    {
        private const int BlocksAtOnce = Sha256Lanes.Count;

        private readonly LeafHasher hasher;
        private readonly int blockBytes, digestBytes;
        private readonly byte[] bytes, leaves;
        private readonly BlockState[] states;

        public Batch(LeafHasher hasher)
        {
            this.hasher = hasher;
            blockBytes = hasher.Parameters.BlockBytes;
            digestBytes = hasher.Parameters.DigestBytes;
            // With the smallest blocks the leaves are larger than the bytes; 65536 of them bound that.
            states = new BlockState[Math.Clamp(BatchBytes / blockBytes, 1, 1 << 16)];
            bytes = new byte[states.Length * blockBytes];
            leaves = new byte[states.Length * digestBytes];
        }

        public int LengthBytes { get; private set; }

        public bool IsFull => LengthBytes == bytes.Length;

        private int Blocks => (LengthBytes + blockBytes - 1) / blockBytes;

        public void Fill(ReadNext read, CancellationToken cancel)
        {
            LengthBytes = 0;
            while (!IsFull)
            {
                cancel.ThrowIfCancellationRequested();
                var n = read(bytes.AsSpan(LengthBytes));
                if (n < 0 || n > bytes.Length - LengthBytes) throw new InvalidOperationException($"the reader answered {n} bytes for {bytes.Length - LengthBytes}");
                if (n == 0) return;
                LengthBytes += n;
            }
        }

        public void Hash() => Parallel.For(0, (Blocks + BlocksAtOnce - 1) / BlocksAtOnce, i =>
        {
            var first = i * BlocksAtOnce;
            var count = Math.Min(BlocksAtOnce, Blocks - first);
            var from = first * blockBytes;
            hasher.HashOrZero(bytes.AsSpan(from, Math.Min(count * blockBytes, LengthBytes - from)), leaves.AsSpan(first * digestBytes, count * digestBytes), states.AsSpan(first, count));
        });

        public void Deliver(RootHasher root, LeafSink? onLeaf)
        {
            for (var i = 0; i < Blocks; i++)
            {
                var leaf = leaves.AsSpan(i * digestBytes, digestBytes);
                onLeaf?.Invoke(root.LeafCount, states[i], leaf);
                root.Append(leaf);
            }
        }
    }
}
