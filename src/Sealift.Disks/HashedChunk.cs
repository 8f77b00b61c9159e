using Sealift.Blkhash;

namespace Sealift.Disks;

/// <summary>The leaves of a chunk: neighbouring blocks of a disk, the last of which may be short where the disk ends.</summary>
internal sealed class HashedChunk
{
    private readonly BlkhashParameters parameters;
    private readonly byte[] leaves;
    private readonly BlockState[] states;

    private HashedChunk(BlkhashParameters parameters, int count)
    {
        this.parameters = parameters;
        leaves = new byte[count * parameters.DigestBytes];
        states = new BlockState[count];
    }

    public int Count => states.Length;

    public static HashedChunk Of(ReadOnlySpan<byte> bytes, LeafHasher hasher, StageMeter? stages = null)
    {
        var enteredAt = stages?.Enter() ?? 0;
        var chunk = new HashedChunk(hasher.Parameters, (int)hasher.Parameters.BlockCount(bytes.Length));
        hasher.HashOrZero(bytes, chunk.leaves, chunk.states);
        stages?.Leave(CopyStage.Hash, enteredAt, bytes.Length);
        return chunk;
    }

    public ReadOnlySpan<byte> Leaf(int index) => leaves.AsSpan(index * parameters.DigestBytes, parameters.DigestBytes);

    public BlockState State(int index) => states[index];

    /// <summary>Appends the leaves to a root.</summary>
    public void AppendTo(RootHasher root)
    {
        for (var i = 0; i < Count; i++) root.Append(Leaf(i));
    }

    /// <summary>Writes the leaves to the map.</summary>
    public void Record(BlockMap map, long firstBlock)
    {
        for (var i = 0; i < Count; i++)
        {
            if (states[i] == BlockState.Data) map.SetData(firstBlock + i, Leaf(i));
            else map.SetZeroes(firstBlock + i, 1, BlockState.Zero);
        }
    }

    /// <summary>Neighbouring blocks that are all zeros ("holes" here) or all not, as ranges of the chunk.</summary>
    public IEnumerable<DiskExtent> Runs(int lengthBytes)
    {
        for (var first = 0; first < Count;)
        {
            var end = first + 1;
            while (end < Count && states[end] == states[first]) end++;
            var offset = (long)first * parameters.BlockBytes;
            yield return new DiskExtent(offset, Math.Min(lengthBytes, (long)end * parameters.BlockBytes) - offset, states[first] != BlockState.Data);
            first = end;
        }
    }
}
