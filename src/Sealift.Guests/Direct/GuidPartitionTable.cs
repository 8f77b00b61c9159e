using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using Sealift.Disks;
using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>A GUID partition table: both headers and both arrays of entries, each with its CRC; UEFI 2.10, 5.3.</summary>
internal static class GuidPartitionTable
{
    // 128 entries of 128 bytes are 16 KiB; a thousand times as much is no table that anybody made.
    private const long ArrayLimitBytes = 16 << 20;
    private const int EntryBytes = 128;
    private const int HeaderBytes = 92;

    private static readonly int[] SectorSizes = [512, 4096];

    /// <summary>Reads it, or gives null where there is none.</summary>
    /// <param name="disk">The whole disk.</param>
    /// <param name="mbr">Its first sector; null where that is no MBR.</param>
    /// <param name="holdsFileSystem">Whether something else was found on the disk itself: then a copy that was left behind does not count.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<PartitionTable?> ReadAsync(IDiskReader disk, MasterBootRecord? mbr, bool holdsFileSystem, CancellationToken cancel)
    {
        var expected = mbr is { IsProtective: true };
        if (!expected && (holdsFileSystem || mbr is { HasEntries: true, IsPlausible: true })) return null;
        var found = new List<(int Sector, Copy Primary, Copy Backup)>();
        foreach (var sector in SectorSizes)
        {
            var last = (disk.LengthBytes / sector) - 1;
            if (last < 2) continue;
            var primary = await Copy.ReadAsync(disk, 1, sector, cancel);
            var at = primary.IsSound && primary.Alternate is > 1 ? Math.Min(primary.Alternate, last) : last;
            var backup = await Copy.ReadAsync(disk, at, sector, cancel);
            // The disk was made smaller: what is at its end now is none, and the header says where it should be.
            if (primary.IsSound || backup.IsSound || primary.Exists || backup.Exists) found.Add((sector, primary, backup));
        }

        if (found.Count == 0)
            return expected ? new PartitionTable("gpt", [], PartitionTable.Errors(["The MBR says that a GPT follows, and neither of its two headers is there"])) : null;
        var (size, first, second) = found.OrderByDescending(f => (f.Primary.IsSound ? 2 : 0) + (f.Backup.IsSound ? 2 : 0) + (f.Primary.Exists ? 1 : 0)).First();
        return Judge(disk.LengthBytes, size, first, second, mbr);
    }

    private static PartitionTable Judge(long diskBytes, int sectorBytes, Copy primary, Copy backup, MasterBootRecord? mbr)
    {
        var wrong = new List<string>();
        var notes = new List<Observation>();
        var last = (diskBytes / sectorBytes) - 1;
        if (mbr is not { IsProtective: true }) wrong.Add("There is no protective MBR: Linux takes no notice of the GPT");
        else if (mbr.ProtectionProblem is { } problem) wrong.Add(problem);
        foreach (var (name, copy) in new[] { ("main", primary), ("backup", backup) })
            wrong.AddRange((copy.Exists ? copy.Problems : ["is not there"]).Select(p => $"The {name} GPT header at sector {copy.Sector.ToString(CultureInfo.InvariantCulture)} {p}"));
        if (primary.IsSound && primary.Alternate > last) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The backup GPT header is said to be at sector {primary.Alternate}; the last one of the disk is {last}"));
        else if (primary.IsSound && primary.Alternate != last)
            notes.Add(new Observation("partition-table.backup-not-at-end", FindingSeverity.Note, string.Create(CultureInfo.InvariantCulture, $"The disk was enlarged: the backup GPT is at sector {primary.Alternate}, and the last one of the disk is {last}")));
        if (primary.IsSound && backup.IsSound)
        {
            if (primary.DiskId != backup.DiskId) wrong.Add("The two GPT headers name different disks");
            if (!primary.Entries.AsSpan().SequenceEqual(backup.Entries)) wrong.Add("The two GPT copies list different partitions");
            if (backup.Alternate != primary.Sector) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The backup GPT header names sector {backup.Alternate} as the main one"));
        }

        var used = primary.IsSound ? primary : backup;
        if (!used.IsSound)
        {
            wrong.Add("Neither copy is whole: nobody can say which partitions there are");
            return new PartitionTable("gpt", [], [.. PartitionTable.Errors(wrong), .. notes]);
        }

        var partitions = new List<Partition>();
        var ids = new HashSet<Guid>();
        for (var i = 0; i < used.Entries.Length / used.EntryBytes; i++)
        {
            var entry = used.Entries.AsSpan(i * used.EntryBytes, GuidPartitionTable.EntryBytes);
            var type = new Guid(entry[..16]);
            if (type == Guid.Empty) continue;
            var (start, end) = (BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]));
            if (!ids.Add(new Guid(entry.Slice(16, 16)))) wrong.Add($"Partition {i + 1} has the GUID of another one");
            if (end < start || end > (ulong)(long.MaxValue / sectorBytes) - 1)
            {
                wrong.Add(string.Create(CultureInfo.InvariantCulture, $"Partition {i + 1} goes from sector {start} to {end}"));
                continue;
            }

            if (start < used.FirstUsable || end > used.LastUsable) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"Partition {i + 1} goes from sector {start} to {end}; partitions may use {used.FirstUsable} to {used.LastUsable}"));
            partitions.Add(new Partition(i + 1, (long)start * sectorBytes, (long)(end - start + 1) * sectorBytes, type.ToString("D")));
        }

        wrong.AddRange(PartitionTable.Misplaced(partitions, diskBytes));
        return new PartitionTable("gpt", partitions, [.. PartitionTable.Errors(wrong), .. notes]);
    }

    /// <summary>One header with its array of entries.</summary>
    private sealed class Copy
    {
        private readonly List<string> problems = [];

        private Copy(long sector) => Sector = sector;

        /// <summary>Where it was looked for.</summary>
        public long Sector { get; }

        /// <summary>Whether anything there calls itself a header.</summary>
        public bool Exists { get; private set; }

        public bool IsSound => Exists && problems.Count == 0;

        public IReadOnlyList<string> Problems => problems;

        public long Alternate { get; private set; }

        public ulong FirstUsable { get; private set; }

        public ulong LastUsable { get; private set; }

        public Guid DiskId { get; private set; }

        public int EntryBytes { get; private set; } = GuidPartitionTable.EntryBytes;

        public byte[] Entries { get; private set; } = [];

        public static async Task<Copy> ReadAsync(IDiskReader disk, long sector, int sectorBytes, CancellationToken cancel)
        {
            var copy = new Copy(sector);
            var header = await disk.TryReadAsync(sector * sectorBytes, sectorBytes, cancel);
            if (header is null || !header.AsSpan(0, 8).SequenceEqual("EFI PART"u8)) return copy;
            copy.Exists = true;
            await copy.FillAsync(disk, header, sectorBytes, cancel);
            return copy;
        }

        private async Task FillAsync(IDiskReader disk, byte[] header, int sectorBytes, CancellationToken cancel)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
            if (length < HeaderBytes || length > header.Length)
            {
                problems.Add($"says that it has {length} bytes");
                return;
            }

            var crc = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(16));
            header.AsSpan(16, 4).Clear();
            if (Crc32.HashToUInt32(header.AsSpan(0, (int)length)) != crc)
            {
                problems.Add("does not match its CRC");
                return;
            }

            var self = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(24));
            if (self != (ulong)Sector) problems.Add(string.Create(CultureInfo.InvariantCulture, $"says that it is at sector {self}"));
            var alternate = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
            Alternate = alternate > long.MaxValue ? long.MaxValue : (long)alternate;
            (FirstUsable, LastUsable) = (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(40)), BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(48)));
            DiskId = new Guid(header.AsSpan(56, 16));
            var entriesAt = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(72));
            var (count, size) = (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(80)), BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(84)));
            if (size < GuidPartitionTable.EntryBytes || size % 8 != 0 || count == 0 || (decimal)count * size > ArrayLimitBytes)
            {
                problems.Add($"says that there are {count} entries of {size} bytes");
                return;
            }

            var arrayBytes = (int)(count * size);
            var sectors = (ulong)((arrayBytes + sectorBytes - 1) / sectorBytes);
            var entries = entriesAt > (ulong)(long.MaxValue / sectorBytes) ? null : await disk.TryReadAsync((long)entriesAt * sectorBytes, arrayBytes, cancel);
            if (entries is null || entriesAt < 2)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"says that its entries are at sector {entriesAt}"));
                return;
            }

            if (FirstUsable <= LastUsable && entriesAt <= LastUsable && entriesAt + sectors > FirstUsable) problems.Add("has its entries where partitions may be");
            if (Crc32.HashToUInt32(entries) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(88)))
            {
                problems.Add("does not match its entries by their CRC");
                return;
            }

            (EntryBytes, Entries) = ((int)size, entries);
        }
    }
}
