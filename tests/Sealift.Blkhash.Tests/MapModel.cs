namespace Sealift.Blkhash.Tests;

/// <summary>What a block map must hold, kept in plain arrays.</summary>
public sealed class MapModel
{
    private readonly BlockState[] states;
    private readonly int[] leafSeeds;

    public MapModel(long lengthBytes, BlkhashParameters parameters)
    {
        LengthBytes = lengthBytes;
        Parameters = parameters;
        states = new BlockState[parameters.BlockCount(lengthBytes)];
        leafSeeds = new int[states.Length];
    }

    private MapModel(MapModel other)
    {
        LengthBytes = other.LengthBytes;
        Parameters = other.Parameters;
        states = (BlockState[])other.states.Clone();
        leafSeeds = (int[])other.leafSeeds.Clone();
    }

    public long LengthBytes { get; }

    public BlkhashParameters Parameters { get; }

    public long BlockCount => states.Length;

    public long UnknownBlocks => states.LongCount(s => s == BlockState.Unknown);

    public MapModel Clone() => new(this);

    /// <summary>A made-up leaf; what it is a digest of does not matter to a map.</summary>
    public byte[] Leaf(int seed)
    {
        var leaf = new byte[Parameters.DigestBytes];
        new Random(seed).NextBytes(leaf);
        return leaf;
    }

    public void SetData(BlockMap map, long block, int seed)
    {
        map.SetData(block, Leaf(seed));
        states[block] = BlockState.Data;
        leafSeeds[block] = seed;
    }

    public void Set(BlockMap map, long first, long count, BlockState state)
    {
        if (state == BlockState.Unknown) map.SetUnknown(first, count);
        else map.SetZeroes(first, count, state);
        states.AsSpan((int)first, (int)count).Fill(state);
    }

    public byte[] ExpectedLeaf(long block) => states[block] switch
    {
        BlockState.Unknown => new byte[Parameters.DigestBytes],
        BlockState.Data => Leaf(leafSeeds[block]),
        _ => NaiveBlkhash.Digest(Parameters.Algorithm, new byte[Math.Min(Parameters.BlockBytes, LengthBytes - (block * Parameters.BlockBytes))]),
    };

    /// <summary>What differs first, or null.</summary>
    public string? Mismatch(BlockMap map)
    {
        if (map.LengthBytes != LengthBytes || map.Parameters != Parameters || map.BlockCount != BlockCount) return "identity";
        if (map.UnknownBlocks != UnknownBlocks) return $"unknown blocks {map.UnknownBlocks}, not {UnknownBlocks}";
        long next = 0;
        var before = default(BlockRun);
        foreach (var run in map.Runs())
        {
            if (run.First != next || run.Count < 1 || (before.Count > 0 && before.State == run.State)) return $"run {run} after {before}";
            for (var i = run.First; i < run.First + run.Count; i++)
                if (states[i] != run.State) return $"block {i} is {run.State} in a run, not {states[i]}";
            next += run.Count;
            before = run;
        }

        if (next != BlockCount) return $"runs end at {next}";
        var leaf = new byte[Parameters.DigestBytes];
        byte[]? zero = null;
        for (long i = 0; i < BlockCount; i++)
        {
            var state = map.Read(i, leaf);
            if (state != states[i]) return $"block {i} is {state}, not {states[i]}";
            var expected = state is BlockState.Hole or BlockState.Zero && i < BlockCount - 1 ? zero ??= ExpectedLeaf(i) : ExpectedLeaf(i);
            if (!expected.AsSpan().SequenceEqual(leaf)) return $"leaf {i}";
        }

        return null;
    }

    public byte[] Root()
    {
        using var all = new MemoryStream();
        for (long i = 0; i < BlockCount; i++) all.Write(ExpectedLeaf(i));
        all.Write(BitConverter.GetBytes(LengthBytes));
        return NaiveBlkhash.Digest(Parameters.Algorithm, all.ToArray());
    }
}
