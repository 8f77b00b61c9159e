using System.Buffers.Binary;
using System.Globalization;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>FAT12, FAT16 and FAT32; by mkfs.fat(8) and mtools(1).</summary>
/// <param name="bits">12, 16 or 32.</param>
/// <param name="isDirty">Whether it was not unmounted, as the boot sector says.</param>
internal sealed class Fat(int bits, bool isDirty = false) : Kind
{
    private const int EntryBytes = 32;

    public override string Name => $"FAT{bits}{(isDirty ? ", dirty" : string.Empty)}";

    public override bool IsDirty => isDirty;

    internal override PlainCheck? Plain { get; } = new("fsck.fat -n", ["fsck.fat", "-n", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        // The sizes at which mkfs.fat does not wonder about the width.
        Blank(disks[0], bits switch { 12 => 3 << 20, 16 => 8 << 20, _ => 36 << 20 });
        _ = await new Command("mkfs.fat", "-F", bits.ToString(CultureInfo.InvariantCulture), "-s", bits == 12 ? "4" : "1", "-i", $"{0x5EA10000 + number:x8}", "-n", "ZOO", "--invariant", disks[0]).RunAsync(cancel);
        _ = await new Command("mcopy", "-m", "-s", "-i", disks[0], Path.Combine(files.Directory, "d"), "::").RunAsync(cancel);
        _ = await new Command("mcopy", "-m", "-i", disks[0], Path.Combine(files.Directory, "pieces"), "::").RunAsync(cancel);
        // Linux and Windows mark only the boot sector, and not its copy.
        if (isDirty) Write(disks[0], bits == 32 ? 65 : 37, [1]);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        var boot = Damage.Read(disks[0], 0, 512);
        int U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(at));
        long U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(at));
        var (sector, cluster, reserved, copies) = (U16(11), boot[13] * U16(11), U16(14), boot[16]);
        var tableBytes = (U16(22) != 0 ? U16(22) : U32(36)) * sector;
        var first = (long)reserved * sector;
        var rootAt = first + (copies * tableBytes);
        var heap = rootAt + (U16(17) * EntryBytes);
        if (bits == 32) rootAt = heap + ((U32(44) - 2) * cluster);
        var root = Damage.Read(disks[0], rootAt, 16 * EntryBytes);
        var entry = Enumerable.Range(0, 16).First(i => root.AsSpan(i * EntryBytes, 11).SequenceEqual("D          "u8)) * EntryBytes;
        var directory = heap + ((BinaryPrimitives.ReadUInt16LittleEndian(root.AsSpan(entry + 26)) - 2L) * cluster);
        List<Place> places =
        [
            new("boot sector", 11, 28),
            new("allocation table", first, 192),
            new("second allocation table", first + tableBytes, 192),
            new("root directory", rootAt, entry + (2 * EntryBytes)),
            new("directory entry", rootAt + entry, EntryBytes),
            new("directory", directory, 16 * EntryBytes),
            new("directory's first entries", directory, 2 * EntryBytes),
        ];
        if (bits == 32) places.AddRange([new("information sector", U16(48) * sector, 512), new("boot sector's copy", U16(50) * sector, 90)]);
        places.Add(SampleFiles.Find(disks[0]));
        return Task.FromResult<IReadOnlyList<Place>>(places);
    }
}
