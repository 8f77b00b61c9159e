using System.Buffers.Binary;
using System.IO.Hashing;
using CsCheck;
using Sealift.Guests.Checks;
using Sealift.Guests.Direct;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Direct;

/// <summary>Partition tables as sfdisk(8) makes them, whole and damaged, and as no tool makes them.</summary>
public sealed class PartitionTableTests(PartitionTableTests.Tables tables) : IClassFixture<PartitionTableTests.Tables>
{
    private const int Sector = 512;
    private const int ArraySectors = 32;
    private const string Linux = "0fc63daf-8483-4772-8e79-3d69d8477de4";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_GPT_is_read_as_it_was_made()
    {
        var table = await ReadAsync(tables.Gpt);
        Assert.Equal("gpt", table.Kind);
        Assert.Empty(table.Observations);
        Assert.Equal(
            [new Partition(1, 1 << 20, 2 << 20, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), new Partition(2, 3 << 20, 1 << 20, Linux), new Partition(5, 5 << 20, 2 << 20, Linux)],
            table.Partitions);
    }

    [Fact]
    public async Task An_MBR_with_logical_partitions_is_numbered_as_Linux_does()
    {
        var table = await ReadAsync(tables.Mbr);
        Assert.Equal("dos", table.Kind);
        Assert.Empty(table.Observations);
        Assert.Equal([(1, "0x83", 1L << 20), (2, "0x5", 3L << 20), (3, "0x7", 8L << 20), (5, "0x83", 4L << 20), (6, "0x82", 6L << 20)], table.Partitions.Select(p => (p.Number, p.EntryType, p.Offset)));
    }

    /// <summary>Every byte of both headers and both lists is covered by a CRC.</summary>
    [Fact]
    public async Task Whatever_changes_in_a_GPT_is_found()
    {
        var last = (tables.Gpt.Length / Sector) - 1;
        var covered = new[] { (At: Sector, Count: 92), (At: 2 * Sector, Count: ArraySectors * Sector), (At: last * Sector, Count: 92), (At: (last - ArraySectors) * Sector, Count: ArraySectors * Sector) };
        await Gen.Select(Gen.Int[0, covered.Length - 1], Gen.Int[0, (ArraySectors * Sector) - 1], Gen.Byte[1, 255]).SampleAsync(async (area, offset, flip) =>
        {
            var disk = tables.Gpt.ToArray();
            disk[covered[area].At + (offset % covered[area].Count)] ^= flip;
            var table = await ReadAsync(disk);
            Assert.Contains(table.Observations, IsError);
            // The other copy still says where the partitions are.
            Assert.Equal([1, 2, 5], table.Partitions.Select(p => p.Number));
        }, iter: 400);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Random_damage_never_ends_in_an_exception(bool gpt)
    {
        var whole = gpt ? tables.Gpt : tables.Mbr;
        var places = gpt ? new[] { 0, whole.Length - (33 * Sector) } : [0, 3 << 20, 6 << 20, (6 << 20) - (1 << 20)];
        await Gen.Select(Gen.Int[0, places.Length - 1], Gen.Int[0, 33 * Sector], Gen.Byte.Array[1, 64]).Array[1, 6].SampleAsync(async damages =>
        {
            var disk = whole.ToArray();
            foreach (var (place, offset, bytes) in damages)
                bytes.AsSpan(0, Math.Min(bytes.Length, disk.Length - places[place] - offset)).CopyTo(disk.AsSpan(places[place] + offset));
            foreach (var volume in await DirectSurvey.LookAtAsync(new MemoryDisk(disk), "disk1", Cancel)) Assert.InRange(volume.Reader.LengthBytes, 0, disk.Length);
        }, iter: 400);
    }

    /// <summary>Fields that no CRC can vouch for, because whoever wrote them wrote the CRC as well.</summary>
    [Theory]
    [InlineData(24, 5UL, "says that it is at sector 5")]
    [InlineData(32, 99999999UL, "last one of the disk")]
    [InlineData(72, 99999999UL, "entries are at sector 99999999")]
    [InlineData(72, ulong.MaxValue, "entries are at sector 18446744073709551615")]
    [InlineData(80, 0xFFFFFFFFUL | (128UL << 32), "4294967295 entries of 128 bytes")]
    [InlineData(80, 128UL | (0xFFFFFF80UL << 32), "128 entries of 4294967168 bytes")]
    [InlineData(40, 2UL, "entries where partitions may be")]
    public async Task A_header_that_matches_its_CRC_and_lies_is_found(int field, ulong value, string said)
    {
        var disk = tables.Gpt.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(disk.AsSpan(Sector + field), value);
        Sign(disk, Sector);
        var table = await ReadAsync(disk);
        Assert.Contains(said, Assert.Single(table.Observations, IsError).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 32, 10239UL, "overlap")]
    [InlineData(0, 40, 99999UL, "Partition 1 ends at byte")]
    [InlineData(0, 32, 1UL, "partitions may use")]
    [InlineData(0, 32, ulong.MaxValue, "Partition 1 goes from sector 18446744073709551615")]
    [InlineData(1, 16, 0UL, "GUID of another")]
    public async Task Partitions_that_cannot_be_are_found(int entry, int field, ulong value, string said)
    {
        var disk = tables.Gpt.ToArray();
        var last = (disk.Length / Sector) - 1;
        foreach (var (header, array) in new[] { (1, 2), (last, last - ArraySectors) })
        {
            var at = (array * Sector) + (entry * 128);
            if (field == 16) disk.AsSpan((array * Sector) + 16, 16).CopyTo(disk.AsSpan(at + 16));
            else BinaryPrimitives.WriteUInt64LittleEndian(disk.AsSpan(at + field), value);
            // The first partition moved to where the third is.
            if (value == 10239) BinaryPrimitives.WriteUInt64LittleEndian(disk.AsSpan(at + 40), 10241);
            BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan((header * Sector) + 88), Crc32.HashToUInt32(disk.AsSpan(array * Sector, ArraySectors * Sector)));
            Sign(disk, header * Sector);
        }

        Assert.Contains(said, Assert.Single((await ReadAsync(disk)).Observations, IsError).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_GPT_of_thousands_of_partitions_is_damage_and_the_first_are_looked_at()
    {
        const int Entries = 65536; // 8 MiB: within what an array of entries may have
        var disk = new byte[20 << 20];
        tables.Gpt.AsSpan(0, 2 * Sector).CopyTo(disk);
        for (var i = 0; i < Entries; i++)
        {
            var entry = disk.AsSpan((2 * Sector) + (i * 128), 128);
            new Guid(Linux).TryWriteBytes(entry);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], i + 1);
            BinaryPrimitives.WriteInt64LittleEndian(entry[32..], 17000 + (i % 1000));
            BinaryPrimitives.WriteInt64LittleEndian(entry[40..], 17000 + (i % 1000));
        }

        BinaryPrimitives.WriteInt64LittleEndian(disk.AsSpan(Sector + 40), 16500);
        BinaryPrimitives.WriteInt32LittleEndian(disk.AsSpan(Sector + 80), Entries);
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(Sector + 88), Crc32.HashToUInt32(disk.AsSpan(2 * Sector, Entries * 128)));
        Sign(disk, Sector);
        var volumes = await DirectSurvey.LookAtAsync(new MemoryDisk(disk), "disk1", Cancel);
        Assert.Equal(256, volumes.Count);
        Assert.Contains(volumes[0].Table, o => o.Text.Contains("65536 partitions", StringComparison.Ordinal) && IsError(o));
    }

    [Fact]
    public async Task A_backup_that_is_not_at_the_end_is_a_note()
    {
        var table = await ReadAsync([.. tables.Gpt, .. new byte[1 << 20]]);
        Assert.Equal(("partition-table.backup-not-at-end", FindingSeverity.Note), Assert.Single(table.Observations) is var o ? (o.Class, o.Severity) : default);
        Assert.Equal(3, table.Partitions.Count);
    }

    [Fact]
    public async Task A_disk_cut_short_has_lost_its_backup()
    {
        var table = await ReadAsync(tables.Gpt[..^(1 << 20)]);
        Assert.Contains("The backup GPT header", Assert.Single(table.Observations, IsError).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_GPT_without_its_protective_MBR_is_damage_and_still_read()
    {
        var disk = tables.Gpt.ToArray();
        disk.AsSpan(0, Sector).Clear();
        var table = await ReadAsync(disk);
        Assert.Contains("no protective MBR", Assert.Single(table.Observations, IsError).Text, StringComparison.Ordinal);
        Assert.Equal(3, table.Partitions.Count);
    }

    [Fact]
    public async Task Where_both_copies_are_gone_the_protective_MBR_tells_that_there_was_one()
    {
        var disk = tables.Gpt.ToArray();
        disk.AsSpan(Sector, 33 * Sector).Clear();
        disk.AsSpan(disk.Length - (33 * Sector)).Clear();
        var table = await ReadAsync(disk);
        Assert.Equal("gpt", table.Kind);
        Assert.Contains("neither of its two headers", Assert.Single(table.Observations, IsError).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_of_logical_partitions_that_leads_back_ends()
    {
        var disk = tables.Mbr.ToArray();
        // The second link leads to the first one, which is where the extended partition begins.
        var second = (6 << 20) - (1 << 20);
        Assert.Equal((0x55, 0xAA), (disk[second + 510], disk[second + 511]));
        Link(disk, second, 0);
        Assert.Contains("leads back to sector 6144", Assert.Single((await ReadAsync(disk)).Observations, IsError).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_of_logical_partitions_without_an_end_ends()
    {
        var disk = new MemoryDisk(2L << 40, at =>
        {
            var sector = new byte[Sector];
            (sector[510], sector[511]) = (0x55, 0xAA);
            if (at == 0) Entry(sector, 0, 0x0F, 1, uint.MaxValue - 1);
            else
            {
                Entry(sector, 0, 0x83, 1, 1);
                Entry(sector, 1, 0x05, (uint)((at / Sector) + 1), 2); // counted from the extended partition, which begins in sector 1: always one further
            }

            return sector;
        });
        var table = await PartitionTable.ReadAsync(disk, holdsFileSystem: false, Cancel);
        Assert.Contains("more than 256 links", Assert.Single(table.Observations, IsError).Text, StringComparison.Ordinal);
        Assert.InRange(disk.Reads, 256, 300);
    }

    [Fact]
    public async Task A_partition_beyond_the_end_of_the_disk_is_damage_and_shown_as_far_as_it_is_there()
    {
        var disk = new byte[1 << 20];
        (disk[510], disk[511]) = (0x55, 0xAA);
        Entry(disk, 0, 0x83, 1024, 4096);
        Entry(disk, 1, 0x83, uint.MaxValue, uint.MaxValue);
        var volumes = await DirectSurvey.LookAtAsync(new MemoryDisk(disk), "disk1", Cancel);
        Assert.Equal([1 << 20, 512 << 10, 0], volumes.Select(v => v.Reader.LengthBytes));
        Assert.Contains("Partition 1 ends at byte 2621440; the disk has 1048576", Assert.Single(volumes[0].Table, IsError).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_without_a_table_has_none()
    {
        Assert.Same(PartitionTable.None, await ReadAsync(new byte[1 << 20]));
        Assert.Same(PartitionTable.None, await ReadAsync([]));
    }

    private static bool IsError(Observation o) => o is { Class: "partition-table.errors", Severity: FindingSeverity.Damage };

    private static Task<PartitionTable> ReadAsync(byte[] disk) => PartitionTable.ReadAsync(new MemoryDisk(disk), holdsFileSystem: false, Cancel);

    private static void Entry(byte[] sector, int entry, byte type, uint start, uint length)
    {
        var at = sector.AsSpan(446 + (entry * 16), 16);
        at.Clear();
        at[4] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(at[8..], start);
        BinaryPrimitives.WriteUInt32LittleEndian(at[12..], length);
    }

    private static void Link(byte[] disk, int record, uint to)
    {
        var sector = disk.AsSpan(record, Sector).ToArray();
        Entry(sector, 1, 0x05, to, 4);
        sector.CopyTo(disk, record);
    }

    /// <summary>Makes a header match its CRC.</summary>
    private static void Sign(byte[] disk, int header)
    {
        disk.AsSpan(header + 16, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(header + 16), Crc32.HashToUInt32(disk.AsSpan(header, 92)));
    }

    /// <summary>Made once, by sfdisk.</summary>
    public sealed class Tables : IAsyncLifetime
    {
        public byte[] Gpt { get; private set; } = [];

        public byte[] Mbr { get; private set; } = [];

        public async ValueTask InitializeAsync()
        {
            using var directory = new TemporaryDirectory();
            Gpt = await MakeAsync(directory, "gpt", "label: gpt\n1 : start=1MiB, size=2MiB, type=U\n2 : start=3MiB, size=1MiB\n5 : start=5MiB, size=2MiB\n");
            Mbr = await MakeAsync(directory, "dos", "label: dos\nstart=1MiB, size=2MiB, type=83\nstart=3MiB, size=5MiB, type=5\nstart=8MiB, size=1MiB, type=7\nstart=4MiB, size=1MiB, type=83\nstart=6MiB, size=1MiB, type=82\n");
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private static async Task<byte[]> MakeAsync(TemporaryDirectory directory, string name, string script)
        {
            var path = directory.File(name);
            await File.WriteAllBytesAsync(path, new byte[10 << 20]);
            await ChildProcess.RunAsync(new ChildCommand("sfdisk", "-q", path) { StandardInput = script }, CancellationToken.None);
            return await File.ReadAllBytesAsync(path);
        }
    }
}
