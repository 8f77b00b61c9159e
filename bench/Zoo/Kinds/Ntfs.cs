using System.Buffers.Binary;
using Sealift.Bench.FileSystems.Formats;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>NTFS; by mkntfs(8) and ntfscp(8).</summary>
/// <param name="isDirty">Whether Windows had not finished with it.</param>
internal sealed class Ntfs(bool isDirty = false) : Kind
{
    private const int VolumeRecord = 3, VolumeInformation = 0x70;

    public override string Name => "NTFS" + (isDirty ? ", dirty" : string.Empty);

    public override bool IsDirty => isDirty;

    internal override PlainCheck? Plain { get; } = new("ntfsfix -n, ntfsresize -i", ["ntfsfix", "-n", "DISK1"], ["ntfsresize", "-i", "-f", "-P", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 6 << 20);
        // The partition's place is given, as an installer gives it; mkntfs only warns without.
        _ = await new Command("mkntfs", "-F", "-q", "-p", "2048", "-H", "255", "-S", "63", "-L", "zoo", disks[0]).RunAsync(cancel);
        foreach (var path in files.Paths) _ = await new Command("ntfscp", "-f", disks[0], path, Path.GetFileName(path)).RunAsync(cancel);
        if (isDirty) MakeDirty(disks[0]);
    }

    internal override async Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) =>
        [.. (await NtfsMetadata.ReadAsync(await File.ReadAllBytesAsync(disks[0], cancel), cancel)).Places.Select(p => new Place(p.Structure, p.Offset, p.LengthBytes)), SampleFiles.Find(disks[0])];

    private static void MakeDirty(string disk)
    {
        var boot = Damage.Read(disk, 0, 512);
        var cluster = BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(11)) * boot[13];
        var recordBytes = 1 << -(sbyte)boot[64];
        var at = (BinaryPrimitives.ReadInt64LittleEndian(boot.AsSpan(48)) * cluster) + (VolumeRecord * recordBytes);
        var record = Damage.Read(disk, at, recordBytes);
        int attribute = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(20));
        while (BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(attribute)) != VolumeInformation) attribute += BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(attribute + 4));
        var flags = attribute + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(attribute + 20)) + 10;
        Write(disk, at + flags, [(byte)(record[flags] | 1)]);
        // $MFTMirr has a copy of it.
        Write(disk, (BinaryPrimitives.ReadInt64LittleEndian(boot.AsSpan(56)) * cluster) + (VolumeRecord * recordBytes) + flags, [(byte)(record[flags] | 1)]);
    }
}
