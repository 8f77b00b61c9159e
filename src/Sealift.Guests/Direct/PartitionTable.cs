using System.Globalization;
using Sealift.Disks;
using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>A partition as the table has it; it may reach beyond the end of the disk.</summary>
/// <param name="Number">As Linux numbers it: the entry of a GPT or MBR from 1, logical partitions from 5.</param>
/// <param name="Offset">Its first byte.</param>
/// <param name="LengthBytes">Its length, in bytes.</param>
/// <param name="EntryType">Its type, as blkid(8) writes it: a GUID in lower case, or <c>0x83</c>.</param>
internal sealed record Partition(int Number, long Offset, long LengthBytes, string EntryType)
{
    /// <summary>The first byte after it; <see cref="long.MaxValue"/> where there is no such number.</summary>
    public long End => LengthBytes > long.MaxValue - Offset ? long.MaxValue : Offset + LengthBytes;

    /// <summary>Whether it is an extended partition, which holds others and nothing itself.</summary>
    public bool IsExtended => EntryType is "0x5" or "0xf" or "0x85";
}

/// <summary>A disk's partition table, read by ourselves: no kernel's and no tool's reading stands between it and the finding.</summary>
/// <param name="Kind"><c>gpt</c> or <c>dos</c>, as blkid(8) calls them; empty where the disk has none.</param>
/// <param name="Partitions">What it holds, in the order of the numbers.</param>
/// <param name="Observations">What is wrong or worth knowing.</param>
internal sealed record PartitionTable(string Kind, IReadOnlyList<Partition> Partitions, IReadOnlyList<Observation> Observations)
{
    /// <summary>What a disk without one has.</summary>
    public static readonly PartitionTable None = new(string.Empty, [], []);

    /// <summary>Reads it.</summary>
    /// <param name="disk">The whole disk.</param>
    /// <param name="holdsFileSystem">Whether a file system's or container's signature was found on the disk itself: then what an earlier GPT left behind does not count.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<PartitionTable> ReadAsync(IDiskReader disk, bool holdsFileSystem, CancellationToken cancel)
    {
        var mbr = MasterBootRecord.Parse(await disk.TryReadAsync(0, MasterBootRecord.LengthBytes, cancel));
        if (mbr is { IsPlausible: true, HasEntries: true, IsProtective: false }) return await mbr.ReadAsync(disk, cancel);
        if (await GuidPartitionTable.ReadAsync(disk, mbr, holdsFileSystem, cancel) is { } gpt) return gpt;
        // A table without partitions, unless the mark was left by the boot code of what is on the disk.
        if (mbr is not { IsPlausible: true } || holdsFileSystem || (mbr.IsEmpty && await HoldsMoreAsync(disk, cancel))) return None;
        return await mbr.ReadAsync(disk, cancel);
    }

    /// <summary>Whether there is anything behind the first sector, where partitions would begin: then it is not an empty disk that has a table.</summary>
    private static async Task<bool> HoldsMoreAsync(IDiskReader disk, CancellationToken cancel)
    {
        const int LookedAtBytes = (1 << 20) + 4096;
        var start = await disk.TryReadAsync(0, (int)Math.Min(LookedAtBytes, disk.LengthBytes), cancel) ?? [];
        return start.AsSpan(Math.Min(start.Length, MasterBootRecord.LengthBytes)).ContainsAnyExcept((byte)0);
    }

    /// <summary>What is wrong with where partitions lie: beyond the end, over each other.</summary>
    internal static IEnumerable<string> Misplaced(IReadOnlyList<Partition> partitions, long diskBytes)
    {
        foreach (var p in partitions.Where(p => p.End > diskBytes))
            yield return string.Create(CultureInfo.InvariantCulture, $"Partition {p.Number} ends at byte {p.End}; the disk has {diskBytes}");
        // Sorted by where they begin, only the one that reaches furthest so far can be run into.
        Partition? furthest = null;
        foreach (var p in partitions.Where(p => !p.IsExtended).OrderBy(p => p.Offset))
        {
            if (furthest is not null && p.Offset < furthest.End) yield return string.Create(CultureInfo.InvariantCulture, $"Partitions {Math.Min(p.Number, furthest.Number)} and {Math.Max(p.Number, furthest.Number)} overlap");
            if (furthest is null || p.End > furthest.End) furthest = p;
        }
    }

    /// <summary>One observation of everything that is wrong; none where nothing is.</summary>
    internal static IReadOnlyList<Observation> Errors(IReadOnlyList<string> wrong) =>
        wrong.Count == 0 ? [] : [new Observation("partition-table.errors", FindingSeverity.Damage, string.Join('\n', wrong))];
}
