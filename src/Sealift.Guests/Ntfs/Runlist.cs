namespace Sealift.Guests.Ntfs;

/// <summary>A piece of an attribute's content.</summary>
/// <param name="Vcn">Its first cluster within the content.</param>
/// <param name="Lcn">Its first cluster on the volume; -1 for a hole, which reads as zeros.</param>
/// <param name="Clusters">How many; never 0.</param>
internal readonly record struct Run(long Vcn, long Lcn, long Clusters)
{
    public bool IsHole => Lcn < 0;
}

/// <summary>
/// Decodes a runlist: for each run a byte with the widths of two numbers, the run's length and the distance of its first cluster from
/// the run before. Without a distance it is a hole. A zero byte ends it.
/// </summary>
internal ref struct Runlist
{
    // 16 PiB of 4 KiB clusters, and with clusters of any size still a number of bytes.
    private const long MaximumVcn = (1L << 42) - 1;

    private readonly ReadOnlySpan<byte> encoded;
    private readonly long clusters;
    private int at;
    private long vcn;
    private long lcn;

    /// <param name="encoded">The encoded runs, up to the end of the attribute.</param>
    /// <param name="firstVcn">The first cluster within the content.</param>
    /// <param name="clusters">How many clusters the volume has.</param>
    public Runlist(ReadOnlySpan<byte> encoded, long firstVcn, long clusters)
    {
        this.encoded = encoded;
        this.clusters = clusters;
        vcn = firstVcn;
    }

    public Run Current { get; private set; }

    /// <summary>What is wrong; null as long as nothing is.</summary>
    public string? Wrong { get; private set; }

    public bool MoveNext()
    {
        if (Wrong is not null) return false;
        if (at >= encoded.Length)
        {
            Wrong = "has no end";
            return false;
        }

        int lengthWidth = encoded[at] & 15, distanceWidth = encoded[at] >> 4;
        if (encoded[at] == 0) return false;
        if (lengthWidth is 0 or > 8 || distanceWidth > 8 || at + 1 + lengthWidth + distanceWidth > encoded.Length) return Fail($"has a run of {lengthWidth} and {distanceWidth} bytes at its byte {at}");
        var length = Number(at + 1, lengthWidth);
        // Compared without a sum: both come from the volume.
        if (length <= 0 || vcn < 0 || length > MaximumVcn - vcn) return Fail($"has a run of {length} clusters at its byte {at}");
        var first = -1L;
        if (distanceWidth > 0)
        {
            var distance = Number(at + 1 + lengthWidth, distanceWidth);
            first = unchecked(lcn + distance);
            if (first < 0 || first >= clusters || length > clusters - first) return Fail($"has a run of {length} clusters at cluster {first} of {clusters}");
            lcn = first;
        }

        Current = new Run(vcn, first, length);
        vcn += length;
        at += 1 + lengthWidth + distanceWidth;
        return true;
    }

    private bool Fail(string wrong)
    {
        Wrong = wrong;
        return false;
    }

    private readonly long Number(int offset, int width)
    {
        var value = (long)(sbyte)encoded[offset + width - 1];
        for (var i = width - 2; i >= 0; i--) value = (value << 8) | encoded[offset + i];
        return value;
    }
}
