using System.Buffers.Binary;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>ISO 9660; by genisoimage(1).</summary>
internal sealed class Iso : Kind
{
    private const int SectorBytes = 2048;
    private const int DescriptorAt = 16 * SectorBytes;

    public override string Name => "ISO 9660";

    public override bool IsNotCovered => true;

    internal override PlainCheck? Plain { get; } = new("isovfy", ["isovfy", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel) =>
        _ = await new Command("genisoimage", "-quiet", "-V", "ZOO", "-o", disks[0], files.Directory).RunAsync(cancel);

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        var descriptor = Damage.Read(disks[0], DescriptorAt, SectorBytes);
        var table = BinaryPrimitives.ReadInt32LittleEndian(descriptor.AsSpan(140)) * (long)SectorBytes;
        var root = BinaryPrimitives.ReadInt32LittleEndian(descriptor.AsSpan(158)) * (long)SectorBytes;
        return Task.FromResult<IReadOnlyList<Place>>(
        [
            new("volume descriptor", DescriptorAt, 190),
            new("sizes", DescriptorAt + 80, 56),
            new("root's record", DescriptorAt + 156, 34),
            new("end of the descriptors", DescriptorAt + SectorBytes, 7),
            new("path table", table, 24),
            new("root directory", root, 136),
            SampleFiles.Find(disks[0]),
        ]);
    }
}
