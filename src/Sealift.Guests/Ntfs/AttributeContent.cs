namespace Sealift.Guests.Ntfs;

/// <summary>The content of one attribute, wherever it lies: in its record, or in runs that one or several records list.</summary>
internal sealed class AttributeContent
{
    /// <summary>An attribute in more pieces than this is not followed. It bounds the memory: 24 bytes a run.</summary>
    public const int MaximumRuns = 1 << 18;

    private readonly VolumeBytes volume;
    private readonly int clusterBytes;
    private readonly byte[]? resident;
    private readonly List<Run> runs = [];

    /// <summary>A resident one.</summary>
    public AttributeContent(VolumeBytes volume, ReadOnlySpan<byte> value)
    {
        this.volume = volume;
        resident = value.ToArray();
        LengthBytes = InitializedBytes = resident.Length;
    }

    /// <summary>A non-resident one, still without runs.</summary>
    public AttributeContent(VolumeBytes volume, int clusterBytes, long lengthBytes, long initializedBytes)
    {
        this.volume = volume;
        this.clusterBytes = clusterBytes;
        LengthBytes = lengthBytes;
        InitializedBytes = initializedBytes;
    }

    /// <summary>Its length in bytes.</summary>
    public long LengthBytes { get; }

    /// <summary>What lies behind these bytes was never written and reads as zeros.</summary>
    public long InitializedBytes { get; }

    /// <summary>How many clusters of it have a known place, counted from its start.</summary>
    public long MappedClusters => runs.Count == 0 ? 0 : runs[^1].Vcn + runs[^1].Clusters;

    /// <summary>Whether a part of it has no clusters.</summary>
    public bool HasHoles { get; private set; }

    /// <summary>Adds the runs of one extent, which must follow the ones that are there.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Append(AttributeRecord extent, long volumeClusters)
    {
        if (extent.LowestVcn != MappedClusters) return $"starts at its cluster {extent.LowestVcn} instead of {MappedClusters}";
        var list = new Runlist(extent.Runlist, extent.LowestVcn, volumeClusters);
        while (list.MoveNext())
        {
            if (runs.Count == MaximumRuns) return $"has more than {MaximumRuns} runs";
            runs.Add(list.Current);
            HasHoles |= list.Current.IsHole;
        }

        return list.Wrong;
    }

    /// <summary>Fills the buffer from an offset; false beyond its end, where no cluster is mapped, or beyond the device.</summary>
    public async ValueTask<bool> TryReadAsync(long offset, Memory<byte> buffer)
    {
        if (offset < 0 || buffer.Length > LengthBytes || offset > LengthBytes - buffer.Length) return false;
        if (resident is not null)
        {
            resident.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
            return true;
        }

        if (offset + buffer.Length > InitializedBytes)
        {
            var written = (int)Math.Clamp(InitializedBytes - offset, 0, buffer.Length);
            buffer.Span[written..].Clear();
            buffer = buffer[..written];
        }

        var at = buffer.IsEmpty ? 0 : IndexOf(offset / clusterBytes);
        while (!buffer.IsEmpty)
        {
            if (at < 0 || at >= runs.Count) return false;
            var run = runs[at++];
            var within = offset - (run.Vcn * clusterBytes);
            var piece = buffer[..(int)Math.Min(buffer.Length, (run.Clusters * clusterBytes) - within)];
            if (run.IsHole) piece.Span.Clear();
            else if (!await volume.TryReadAsync((run.Lcn * clusterBytes) + within, piece)) return false;
            offset += piece.Length;
            buffer = buffer[piece.Length..];
        }

        return true;
    }

    /// <summary>All of it, up to a limit; null where it is longer or cannot be read.</summary>
    public async ValueTask<byte[]?> TryReadAllAsync(int limitBytes)
    {
        if (LengthBytes > limitBytes) return null;
        var all = new byte[LengthBytes];
        return await TryReadAsync(0, all) ? all : null;
    }

    private int IndexOf(long vcn)
    {
        int low = 0, high = runs.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (vcn < runs[middle].Vcn) high = middle - 1;
            else if (vcn >= runs[middle].Vcn + runs[middle].Clusters) low = middle + 1;
            else return middle;
        }

        return -1;
    }
}
