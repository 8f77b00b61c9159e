using System.Buffers.Binary;
using System.IO.Hashing;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>A GUID partition table with two partitions; by sfdisk(8).</summary>
internal sealed class Gpt : Kind
{
    private const int SectorBytes = 512;
    private const long LengthBytes = 12 << 20;
    private const long EntriesBytes = 128 * 128;
    private const long BackupAt = LengthBytes - SectorBytes;

    public override string Name => "GPT";

    internal override PlainCheck? Plain { get; } = new("sgdisk -v, sfdisk --verify", ["sgdisk", "-v", "DISK1"], ["sfdisk", "--verify", "DISK1"]) { IsDump = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], LengthBytes);
        var table = $"label: gpt\nlabel-id: {Uuid(number)}\nstart=2048, size=8MiB, uuid={Uuid(number + 0x1000000)}\nstart=9MiB, size=1MiB, type=S, uuid={Uuid(number + 0x2000000)}\n";
        _ = await new Command("sfdisk", "-q", disks[0]) { Input = table }.RunAsync(cancel);
        var part = disks[0] + ".part";
        Blank(part, 8 << 20);
        await Ext.FillAsync(part, "ext4", number, files, cancel);
        Write(disks[0], 1 << 20, await File.ReadAllBytesAsync(part, cancel));
        File.Delete(part);
        Blank(part, 1 << 20);
        _ = await new Command("mkswap", "-q", "-U", Uuid(number), part).RunAsync(cancel);
        Write(disks[0], 9 << 20, await File.ReadAllBytesAsync(part, cancel));
        File.Delete(part);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(
    [
        new("protective MBR", 446, 66),
        new("header", SectorBytes, 92),
        new("header checksum", SectorBytes + 16, 4),
        new("entries", 2 * SectorBytes, 256),
        new("backup header", BackupAt, 92),
        new("backup entries", BackupAt - EntriesBytes, 256),
        new("partition's superblock", (1 << 20) + 1024, 264),
        SampleFiles.Find(disks[0]),
    ]);

    /// <summary>The second partition begins within the first, and the checksums of the main copy are right.</summary>
    internal override IEnumerable<Damage> Edits(IReadOnlyList<string> disks)
    {
        var main = Damage.Read(disks[0], SectorBytes, (int)(SectorBytes + EntriesBytes));
        BinaryPrimitives.WriteInt64LittleEndian(main.AsSpan(SectorBytes + 128 + 32), 4096);
        BinaryPrimitives.WriteUInt32LittleEndian(main.AsSpan(88), Crc32.HashToUInt32(main.AsSpan(SectorBytes, (int)EntriesBytes)));
        main.AsSpan(16, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(main.AsSpan(16), Crc32.HashToUInt32(main.AsSpan(0, 92)));
        yield return new Damage("entries", "overlap", 0, SectorBytes, main);
    }
}

/// <summary>A table in the master boot record, with a partition in an extended one; by sfdisk(8).</summary>
internal sealed class Mbr : Kind
{
    private const long ExtendedAt = 10 << 20;

    public override string Name => "MBR";

    internal override PlainCheck? Plain { get; } = new("sfdisk --verify", ["sfdisk", "--verify", "DISK1"]) { IsDump = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 20 << 20);
        _ = await new Command("sfdisk", "-q", disks[0]) { Input = $"label: dos\nlabel-id: 0x{number + 1:x}\nstart=2048, size=8MiB, type=83\nstart=10MiB, size=10MiB, type=5\nstart=11MiB, size=8MiB, type=83\n" }.RunAsync(cancel);
        foreach (var (at, own) in new[] { (1L << 20, number), (11L << 20, number + 0x1000000) })
        {
            var part = disks[0] + ".part";
            Blank(part, 8 << 20);
            await Ext.FillAsync(part, "ext4", own, files, cancel);
            Write(disks[0], at, await File.ReadAllBytesAsync(part, cancel));
            File.Delete(part);
        }
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(
    [
        new("mark", 510, 2),
        new("first entry's place", 454, 8),
        new("extended entry", 466, 12),
        new("extended entry's place", 470, 8),
        new("extended record", ExtendedAt + 446, 66),
        new("extended record's mark", ExtendedAt + 510, 2),
        new("partition's superblock", (1 << 20) + 1024, 264),
        SampleFiles.Find(disks[0]),
    ]);

    internal override IEnumerable<Damage> Edits(IReadOnlyList<string> disks)
    {
        byte[] Place(int start, int count)
        {
            var bytes = new byte[8];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, start);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), count);
            return bytes;
        }

        yield return new Damage("first entry's place", "overlap", 0, 454, Place(2048, 30000));
        yield return new Damage("first entry's place", "beyond the end", 0, 454, Place(2048, 1 << 20));
    }
}
