using Sealift.Bench.FileSystems.Formats;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>exFAT; by mkfs.exfat(8), and by ourselves what is in it.</summary>
/// <param name="isDirty">Whether it was not unmounted, as its boot sector says.</param>
internal sealed class Exfat(bool isDirty = false) : Kind
{
    private const string Folder = "d";

    public override string Name => "exFAT" + (isDirty ? ", dirty" : string.Empty);

    public override bool IsDirty => isDirty;

    internal override PlainCheck? Plain { get; } = new("fsck.exfat -n", ["fsck.exfat", "-n", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 8 << 20);
        _ = await new Command("mkfs.exfat", "-L", "zoo", disks[0]).RunAsync(cancel);
        ExfatFiles.Add(disks[0], Folder, files.Paths);
        // VolumeFlags, which the checksum of the boot region leaves out.
        if (isDirty) Write(disks[0], 106, [2]);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult(ExfatFiles.Look<IReadOnlyList<Place>>(disks[0], exfat =>
    [
        new("boot sector", 64, 46),
        new("boot checksum", 11 * 512, 512),
        new("boot sector's copy", 12 * 512, 120),
        new("allocation table", exfat.TableAt, 160),
        new("bitmap", exfat.BitmapAt, 32),
        new("table of capitals", exfat.UpCaseAt, 1024),
        new("root directory", exfat.RootAt, 6 * 32),
        new("directory", exfat.RootAt + exfat.ClusterBytes, 12 * 32),
        SampleFiles.Find(disks[0]),
    ]));
}
