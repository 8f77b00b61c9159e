using System.Buffers.Binary;
using System.Globalization;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>
/// The first sector of a disk with four partition entries, and the chain of extended boot records behind one of them. Partitions are
/// numbered as Linux does (block/partitions/msdos.c): entries 1 to 4, logical ones from 5 in the order of the chain.
/// </summary>
internal sealed class MasterBootRecord
{
    /// <summary>The length of the sector, whatever the disk's sectors are.</summary>
    public const int LengthBytes = 512;

    private const int SectorBytes = 512;

    // More than any system makes (Linux stops at 255 partitions in all); a chain that leads on is damage.
    private const int ChainLimit = 256;

    private readonly Entry[] entries;

    private MasterBootRecord(Entry[] entries, bool isPlausible) => (this.entries, IsPlausible) = (entries, isPlausible);

    /// <summary>Whether its entries can be some: every first byte is 0 or 0x80. A boot sector of a file system has code there.</summary>
    public bool IsPlausible { get; }

    /// <summary>Whether any entry is used.</summary>
    public bool HasEntries => entries.Any(e => e.IsUsed);

    /// <summary>Whether all of it is as a table without partitions is.</summary>
    public bool IsEmpty => entries.All(e => e is { Type: 0, Length: 0 });

    /// <summary>Whether it only says that a GPT follows: an entry of type 0xEE; UEFI 2.10, 5.2.3.</summary>
    public bool IsProtective => IsPlausible && entries.Any(e => e.Type == 0xEE);

    /// <summary>What is wrong with a protective one: the one that Linux accepts begins in sector 1.</summary>
    public string? ProtectionProblem => entries.Any(e => e is { Type: 0xEE, Start: 1 }) ? null : "The protective MBR does not begin in sector 1: Linux takes no notice of the GPT";

    /// <summary>The record, or null where the sector does not end as one (0x55 0xAA).</summary>
    public static MasterBootRecord? Parse(byte[]? sector)
    {
        if (sector is null || sector[510] != 0x55 || sector[511] != 0xAA || IsBootSectorOfFileSystem(sector)) return null;
        var entries = EntriesOf(sector);
        return new MasterBootRecord(entries, entries.All(e => e.Boot is 0 or 0x80));
    }

    /// <summary>Reads what it leads to.</summary>
    public async Task<PartitionTable> ReadAsync(IDiskReader disk, CancellationToken cancel)
    {
        var partitions = new List<Partition>();
        var wrong = new List<string>();
        for (var i = 0; i < entries.Length; i++)
        {
            if (entries[i].IsUsed) partitions.Add(entries[i].At(i + 1, 0));
            // A system's partitioner clears type and place together; Linux takes no notice of what is left here.
            else if (entries[i].Type != 0) wrong.Add($"Partition {i + 1} has a type, 0x{entries[i].Type:x}, and no length");
        }

        var extended = partitions.Where(p => p.IsExtended).ToList();
        if (extended.Count > 1) wrong.Add($"{extended.Count} extended partitions; one is possible");
        if (extended.Count > 0) await ReadChainAsync(disk, extended[0], partitions, wrong, cancel);

        wrong.AddRange(PartitionTable.Misplaced(partitions, disk.LengthBytes));
        foreach (var p in partitions.Where(p => p.Number <= 4 && p.Offset == 0)) wrong.Add($"Partition {p.Number} begins in sector 0, over the table itself");
        foreach (var outer in extended)
            foreach (var p in partitions.Where(p => p.Number <= 4 && !p.IsExtended && p.Offset < outer.End && outer.Offset < p.End)) wrong.Add($"Partition {p.Number} overlaps the extended partition {outer.Number}");
        return new PartitionTable("dos", [.. partitions.OrderBy(p => p.Number)], PartitionTable.Errors(wrong));
    }

    private static async Task ReadChainAsync(IDiskReader disk, Partition outer, List<Partition> partitions, List<string> wrong, CancellationToken cancel)
    {
        var seen = new HashSet<long>();
        var number = 5;
        var at = outer.Offset;
        while (true)
        {
            if (!seen.Add(at))
            {
                wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The chain of logical partitions leads back to sector {at / SectorBytes}"));
                return;
            }

            if (seen.Count > ChainLimit)
            {
                wrong.Add($"The chain of logical partitions has more than {ChainLimit} links");
                return;
            }

            var sector = await disk.TryReadAsync(at, LengthBytes, cancel);
            if (sector is null || sector[510] != 0x55 || sector[511] != 0xAA)
            {
                wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The chain of logical partitions leads to sector {at / SectorBytes}, {(sector is null ? "which is beyond the end of the disk" : "where there is no extended boot record")}"));
                return;
            }

            var links = EntriesOf(sector);
            // Of the four only two are used; Linux looks at all for partitions, and takes the first that leads on.
            foreach (var link in links.Where(l => l.IsUsed && !l.IsExtended))
            {
                var logical = link.At(number++, at);
                partitions.Add(logical);
                if (logical.Offset < outer.Offset || logical.End > outer.End) wrong.Add($"Logical partition {logical.Number} lies outside of the extended partition {outer.Number}");
            }

            if (!links.Any(l => l is { IsUsed: true, IsExtended: true })) return;
            at = outer.Offset + ((long)links.First(l => l is { IsUsed: true, IsExtended: true }).Start * SectorBytes);
        }
    }

    private static Entry[] EntriesOf(byte[] sector) => [.. Enumerable.Range(0, 4).Select(i =>
    {
        var entry = sector.AsSpan(446 + (i * 16), 16);
        return new Entry(entry[0], entry[4], BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]));
    })];

    /// <summary>NTFS, exFAT, ReFS, BitLocker and FAT begin with a boot sector of their own, which ends with the same mark.</summary>
    private static bool IsBootSectorOfFileSystem(byte[] sector) =>
        sector.AsSpan(3, 8).SequenceEqual("NTFS    "u8) || sector.AsSpan(3, 8).SequenceEqual("EXFAT   "u8) || sector.AsSpan(3, 4).SequenceEqual("ReFS"u8) || sector.AsSpan(3, 8).SequenceEqual("-FVE-FS-"u8) || FatBootSector.Looks(sector) || FatBootSector.CallsItself(sector);

    private readonly record struct Entry(byte Boot, byte Type, uint Start, uint Length)
    {
        public bool IsUsed => Type != 0 && Length != 0;

        public bool IsExtended => Type is 0x05 or 0x0F or 0x85;

        public Partition At(int number, long origin) => new(number, origin + ((long)Start * SectorBytes), (long)Length * SectorBytes, $"0x{Type:x}");
    }
}
