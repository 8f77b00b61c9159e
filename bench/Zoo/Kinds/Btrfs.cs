using Sealift.Bench.FileSystems.Formats;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>Btrfs; by mkfs.btrfs(8). On one device with its metadata once or twice, and on two with them on each.</summary>
/// <param name="profile">How metadata are kept: <c>dup</c>, <c>single</c>, or <c>raid1</c>, which is over two devices.</param>
/// <param name="isDirty">Whether its log is to be replayed.</param>
internal sealed class Btrfs(string profile, bool isDirty = false) : Kind
{
    // About the least that mkfs.btrfs takes.
    private const long LengthBytes = 128 << 20;

    private bool IsWide => profile == "raid1";

    public override string Name => IsWide ? "Btrfs (two disks)" : $"Btrfs ({profile}){(isDirty ? ", dirty" : string.Empty)}";

    public override int Disks => IsWide ? 2 : 1;

    public override bool IsDirty => isDirty;

    public override bool IsUnique => IsWide;

    public override bool NeedsAppliance => isDirty || IsWide;

    public override bool IsLookedAtByReference => true;

    // Of two devices it wants the second one to be a block device.
    internal override PlainCheck? Plain => IsWide ? null : new PlainCheck("btrfs check --readonly", ["btrfs", "check", "--readonly", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        foreach (var disk in disks) Blank(disk, LengthBytes);
        string[] content = IsWide ? [] : ["--rootdir", files.Directory];
        _ = await new Command("mkfs.btrfs", ["-q", "-f", "-U", Uuid(number), "-m", profile, "-d", IsWide ? "raid1" : "single", .. content, .. disks]).RunAsync(cancel);
        if (isDirty) BtrfsLayout.Read(disks).MakeDirty();
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        var layout = BtrfsLayout.Read(disks);
        var places = new List<Place> { new("superblock", BtrfsLayout.SuperblockAt, 4096) };
        foreach (var (tree, logical) in layout.Trees())
            places.AddRange(layout.CopiesOf(logical).Select(c => new Place(tree, c.Disk, c.Offset, layout.NodeBytes)));
        if (!IsWide) places.Add(SampleFiles.Find(disks[0]));
        return Task.FromResult<IReadOnlyList<Place>>(places);
    }
}
