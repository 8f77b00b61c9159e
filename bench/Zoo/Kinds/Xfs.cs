using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Sealift.Bench.FileSystems.Formats;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>XFS with and without checksums; by mkfs.xfs(8), and xfs_db(8) says where things are.</summary>
/// <param name="version">4 or 5.</param>
/// <param name="isDirty">Whether a transaction waits in its log.</param>
internal sealed partial class Xfs(int version, bool isDirty = false) : Kind
{
    // mkfs.xfs makes none that is smaller.
    private const long LengthBytes = 300 << 20;

    public override string Name => $"XFS v{version}{(isDirty ? ", dirty" : string.Empty)}";

    public override bool IsDirty => isDirty;

    public override bool NeedsAppliance => isDirty;

    public override bool IsLookedAtByReference => true;

    internal override PlainCheck? Plain { get; } = new("xfs_repair -n -f", ["xfs_repair", "-n", "-f", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], LengthBytes);
        var prototype = new StringBuilder("/\n0 0\nd--755 0 0\nd d--755 0 0\n");
        foreach (var path in files.Paths) prototype.Append(CultureInfo.InvariantCulture, $"{Path.GetFileName(path)} ---644 0 0 {path}\n");
        var list = disks[0] + ".proto";
        await File.WriteAllTextAsync(list, prototype.Append("$\n$\n").ToString(), cancel);
        _ = await new Command("mkfs.xfs", "-q", "-f", "-m", version == 4 ? $"crc=0,uuid={Uuid(number)}" : $"uuid={Uuid(number)}", "-p", list, disks[0]).RunAsync(cancel);
        File.Delete(list);
        if (isDirty) XfsLog.MakeDirty(disks[0], 0);
    }

    internal override async Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        var disk = disks[0];
        async Task<(long Offset, int Length)> AtAsync(params string[] commands)
        {
            var found = Stack().Match(await new Command("xfs_db", [.. ((string[])["-r", .. commands.SelectMany(c => (string[])["-c", c]), "-c", "stack", disk])]).RunAsync(cancel));
            return (long.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(found.Groups[2].Value, CultureInfo.InvariantCulture));
        }

        async Task<Place> PlaceAsync(string structure, int used, params string[] commands)
        {
            var (offset, length) = await AtAsync(commands);
            return new Place(structure, offset, Math.Min(used, length));
        }

        List<Place> places =
        [
            new("superblock", 0, 264),
            await PlaceAsync("AG free space header", 224, "agf 0"),
            await PlaceAsync("AG inode header", 168, "agi 0"),
            await PlaceAsync("AG free list", 64, "agfl 0"),
            await PlaceAsync("free space tree", 72, "agf 0", "addr bnoroot"),
            await PlaceAsync("inode tree", 72, "agi 0", "addr root"),
            await PlaceAsync("root inode", 112, "sb 0", "addr rootino"),
            await PlaceAsync("inode", 112, $"path /d/{SampleFiles.Wanted}"),
            await PlaceAsync("directory", 4096, "path /d", "dblock 0"),
            new("log", XfsLog.PlaceOf(disk, 0), 512),
        ];
        if (isDirty) places.Add(new Place("log record", places[^1].Offset + 1024, 1024));
        places.Add(SampleFiles.Find(disk));
        return places;
    }

    [GeneratedRegex(@"byte offset (\d+), length (\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Stack();
}
