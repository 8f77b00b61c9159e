using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>How a disk is cut into EXTENDED COPY commands that a copy manager takes, or why it cannot be.</summary>
internal sealed class XcopyPlan
{
    // A command cannot be stopped: so much takes a second or less where an array is worth being asked.
    private const long MostCommandBytes = 64L << 20;
    // Where a copy manager says no more than that it knows such descriptors.
    private const uint SmallestListBytes = 1024;
    private const int MiB = 1 << 20;

    private readonly UnitDesignator source;
    private readonly UnitDesignator target;
    private readonly uint blockBytes;
    private readonly bool needsNoListId;
    private readonly int segmentBlocks;
    private readonly int segments;

    private XcopyPlan(UnitDesignator source, UnitDesignator target, uint blockBytes, CopyAbility ability, int segmentBlocks, int segments)
    {
        this.source = source;
        this.target = target;
        this.blockBytes = blockBytes;
        needsNoListId = ability.NeedsNoListId;
        (Forms, Note) = (ability.Forms, ability.Note);
        this.segmentBlocks = segmentBlocks;
        this.segments = segments;
    }

    private XcopyPlan(string whyNot)
    {
        WhyNot = whyNot;
        source = target = null!;
    }

    /// <summary>Why it cannot be, in plain words; null where it can.</summary>
    public string? WhyNot { get; }

    /// <summary>How the copy manager can be asked, the best first.</summary>
    public IReadOnlyList<CopyForm> Forms { get; } = [];

    /// <summary>Why one that it lists is not among them; empty where all are.</summary>
    public string Note { get; } = string.Empty;

    /// <summary>The most bytes of one command.</summary>
    public long CommandBytes => (long)segments * segmentBlocks * blockBytes;

    /// <summary>Asks two open units.</summary>
    public static XcopyPlan Of(ScsiUnit from, ScsiUnit to, TransferEnds ends, CancellationToken cancel)
    {
        var (source, target) = (from.Facts, to.Facts);
        if (source.Identity.SharesNameWith(target.Identity)) return new($"source and target both say that they are {target.Identity.Name}: a copy by name could go to the wrong one");
        if (source.Identity.ForCopies is not { } sourceName) return new("the source has no name by which a copy could find it (NAA or EUI-64)");
        if (target.Identity.ForCopies is not { } targetName) return new("the target has no name by which a copy could find it (NAA or EUI-64)");
        if (source.Capacity.BlockBytes != target.Capacity.BlockBytes) return new($"the source has blocks of {source.Capacity.BlockBytes} bytes, and the target of {target.Capacity.BlockBytes}");
        if (ends.Source.Unit!.Place.Target is not { } array || array != ends.Target.Unit!.Place.Target) return new($"they are units of two {(ends.Source.Path is null && ends.Target.Path is null ? "iSCSI" : "SCSI")} targets, and nothing says that one of these can reach the other's");
        if (to.WhyNotUnique(source.Identity, cancel) is { } twoSources) return new(twoSources);
        if (to.WhyNotUnique(target.Identity, cancel) is { } twoTargets) return new(twoTargets);
        var (ability, why) = to.AskCopyAbility(cancel);
        return ability is null ? new($"the target cannot copy by itself: {why}") : Of(sourceName, targetName, target.Capacity.BlockBytes, ability, ends);
    }

    /// <summary>The same of two units that can, with what the copy manager says of its limits.</summary>
    internal static XcopyPlan Of(UnitDesignator source, UnitDesignator target, uint blockBytes, CopyAbility ability, TransferEnds ends)
    {
        if (!ability.Knows(CopyAbility.BlockToBlock) || !ability.Knows(CopyAbility.Identification)) return new("its copies know no segments from disk to disk, or find no units by their names");
        if (ability.MaximumDevices < 2) return new($"its copies may name no more than {ability.MaximumDevices} devices");
        if (ability.GranularityLog2 > 30) return new($"its copies are of multiples of 2^{ability.GranularityLog2} bytes");
        var granularity = Math.Max(blockBytes, 1L << ability.GranularityLog2);
        if (ends.BlockBytes % granularity != 0 || ends.Source.LengthBytes % granularity != 0)
            return new($"its copies are of multiples of {granularity} bytes, and not all parts of the disk are");
        var bytes = Math.Min((long)ushort.MaxValue * blockBytes, ability.MaximumSegmentBytes == 0 ? long.MaxValue : ability.MaximumSegmentBytes);
        // Long segments begin where arrays like it best.
        bytes -= bytes % (bytes >= MiB && MiB % granularity == 0 ? MiB : granularity);
        if (bytes == 0) return new($"its copies may be of no more than {ability.MaximumSegmentBytes} bytes, and of multiples of {granularity}");
        var list = (ability.MaximumListBytes == 0 ? SmallestListBytes : ability.MaximumListBytes) - (CopyList.FixedBytes - 16L);
        var segments = Math.Min(Math.Min(Math.Max(1, ability.MaximumSegments), list / CopyList.SegmentBytes), CopyList.MostLid4Segments);
        if (segments < 1) return new($"its copies may be described in no more than {ability.MaximumListBytes} bytes");
        return new(source, target, blockBytes, ability, (int)(bytes / blockBytes), (int)Math.Min(segments, Math.Max(1, MostCommandBytes / bytes)));
    }

    /// <summary>The commands that copy a range, in order: the segments of each, and what it copies.</summary>
    public IEnumerable<(CopySegment[] Segments, DiskRange Part)> Commands(DiskRange range)
    {
        var parts = new List<CopySegment>(segments);
        for (var at = range.Offset; at < range.End;)
        {
            parts.Clear();
            var start = at;
            for (; parts.Count < segments && at < range.End; at += parts[^1].Blocks * (long)blockBytes)
            {
                var block = (ulong)(at / blockBytes);
                parts.Add(new CopySegment(block, block, (ushort)Math.Min(segmentBlocks, (range.End - at) / blockBytes)));
            }

            yield return ([.. parts], new DiskRange(start, at - start));
        }
    }

    /// <summary>The parameter list of a command.</summary>
    /// <param name="form">Which command it belongs to.</param>
    /// <param name="listId">Which copy it is; for LID4.</param>
    /// <param name="parts">What it copies.</param>
    public ReadOnlyMemory<byte> List(CopyForm form, uint listId, ReadOnlySpan<CopySegment> parts) => form == CopyForm.Lid1
        ? CopyList.Of(source, target, blockBytes, needsNoListId, parts)
        : CopyList.OfLid4(source, target, blockBytes, listId, form == CopyForm.Lid4InBackground, parts);
}
