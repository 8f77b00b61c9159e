using Sealift.Bench.FileSystems.Formats;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>What lies on two disks: a volume of LVM, or an array, with something in it that only a kernel shows.</summary>
internal abstract class Layered : Kind
{
    public override int Disks => 2;

    public override bool IsUnique => true;

    /// <summary>How long what is inside is, in bytes.</summary>
    protected const long InsideBytes = 8 << 20;

    /// <summary>Makes an ext4 that can be put inside.</summary>
    protected static async Task<string> Ext4Async(string path, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(path, InsideBytes);
        await Ext.FillAsync(path, "ext4", number, files, cancel);
        return path;
    }
}

/// <summary>One logical volume over two disks with ext4 in it.</summary>
internal sealed class Lvm : Layered
{
    public override string Name => "LVM (two disks)";

    internal override PlainCheck? Plain { get; } = new("pvck --dump headers", ["pvck", "--dump", "headers", "DISK1"], ["pvck", "--dump", "headers", "DISK2"]) { IsDump = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        var inside = await Ext4Async(disks[0] + ".inside", number, files, cancel);
        LvmVolume.Make(disks, number, $"zoo{number}", "root", inside);
        File.Delete(inside);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(
    [
        new("label", 0, 512, 32),
        new("label", 1, 512, 32),
        new("physical volume header", 1, 512 + 32, 104),
        new("metadata header", 0, LvmVolume.AreaAt, 64),
        new("metadata text", 0, LvmVolume.AreaAt + 512, 512),
        new("metadata text", 1, LvmVolume.AreaAt + 512, 512),
        new("superblock inside", 0, (1 << 20) + 1024, 264),
        SampleFiles.Find(disks[0]),
    ]);
}

/// <summary>A volume with a partition table of its own in it, as hosts give to guests.</summary>
internal sealed class PartitionsInLvm : Layered
{
    public override string Name => "partitions in LVM";

    public override bool IsNotCovered => true;

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        var inside = disks[0] + ".inside";
        Blank(inside, InsideBytes + (2 << 20));
        _ = await new Command("sfdisk", "-q", inside) { Input = $"label: dos\nlabel-id: 0x{number + 1:x}\nstart=2048, size=8MiB, type=83\n" }.RunAsync(cancel);
        var part = await Ext4Async(disks[0] + ".part", number, files, cancel);
        Write(inside, 1 << 20, await File.ReadAllBytesAsync(part, cancel));
        LvmVolume.Make(disks, number, $"nest{number}", "disk", inside);
        File.Delete(inside);
        File.Delete(part);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<Place>>([new("partition table inside", (1 << 20) + 446, 66)]);
}

/// <summary>A mirror over two disks with ext4 in it.</summary>
internal sealed class Md : Layered
{
    public override string Name => "MD RAID 1";

    internal override PlainCheck? Plain { get; } = new("mdadm --examine", ["mdadm", "--examine", "DISK1"], ["mdadm", "--examine", "DISK2"]) { IsDump = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        var inside = await Ext4Async(disks[0] + ".inside", number, files, cancel);
        MdArray.Make(disks, number, $"zoo{number}", inside);
        File.Delete(inside);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(
    [
        new("superblock", 0, MdArray.SuperblockAt, MdArray.SuperblockBytes),
        new("superblock", 1, MdArray.SuperblockAt, MdArray.SuperblockBytes),
        new("superblock checksum", 0, MdArray.SuperblockAt + 216, 4),
        new("identity", 1, MdArray.SuperblockAt + 16, 16),
        new("level", 0, MdArray.SuperblockAt + 72, 4),
        new("member roles", 0, MdArray.SuperblockAt + 256, 4),
        new("data offset", 0, MdArray.SuperblockAt + 128, 8),
        SampleFiles.Find(disks[0]),
    ]);
}
