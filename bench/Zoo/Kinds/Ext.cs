using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>ext2, ext3 and ext4 in blocks of 1 KiB, so that a small one has several groups; by mke2fs(8), and debugfs(8) says where things are.</summary>
/// <param name="type">ext2, ext3 or ext4.</param>
/// <param name="isDirty">Whether a transaction waits in its journal.</param>
internal sealed partial class Ext(string type, bool isDirty = false) : Kind
{
    private const int BlockBytes = 1024;
    private const long LengthBytes = 24 << 20;

    public override string Name => type + (isDirty ? ", dirty" : string.Empty);

    public override bool IsDirty => isDirty;

    public override bool IsLookedAtByReference => type == "ext4";

    internal override PlainCheck? Plain { get; } = new("e2fsck -fn", ["e2fsck", "-fn", "DISK1"]);

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], LengthBytes);
        await FillAsync(disks[0], type, number, files, cancel);
        if (!isDirty) return;
        // A transaction with one block in it, the root directory's as it is already: to be replayed, and nothing is lost if it is.
        var block = await FirstBlockAsync(disks[0], "/", cancel);
        var copy = disks[0] + ".block";
        await File.WriteAllBytesAsync(copy, Damage.Read(disks[0], block * BlockBytes, BlockBytes), cancel);
        _ = await new Command("debugfs", "-w", "-f", "-", disks[0]) { Input = $"jo\njw -b {block} {copy}\njc\n" }.RunAsync(cancel);
        File.Delete(copy);
    }

    /// <summary>Makes one in a file that is there, for what has a file system inside.</summary>
    internal static async Task FillAsync(string path, string type, int number, SampleFiles files, CancellationToken cancel) =>
        _ = await new Command("mke2fs", "-q", "-F", "-t", type, "-b", "1024", "-N", "512", "-U", Uuid(number), "-E", $"hash_seed={Uuid(number)}", "-d", files.Directory, path).RunAsync(cancel);

    internal override async Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        var disk = disks[0];
        var dump = await new Command("dumpe2fs", disk).RunAsync(cancel);
        var groups = long.Parse(Group().Match(dump).Groups[1].Value, CultureInfo.InvariantCulture);
        var file = Located().Match(await DebugAsync(disk, $"imap /d/{SampleFiles.Wanted}", cancel));
        List<Place> places =
        [
            new("superblock", 1024, 264),
            new("group descriptors", groups * BlockBytes, 96),
            new("block bitmap", Number(dump, "Block bitmap at") * BlockBytes, BlockBytes),
            new("inode bitmap", Number(dump, "Inode bitmap at") * BlockBytes, 64),
            new("inode", (long.Parse(file.Groups[1].Value, CultureInfo.InvariantCulture) * BlockBytes) + Convert.ToInt64(file.Groups[2].Value, 16), 128),
            new("directory", await FirstBlockAsync(disk, "/d", cancel) * BlockBytes, BlockBytes),
        ];
        // A file in many pieces: a block of its extent tree, or of its indirect blocks.
        var tree = type == "ext4" ? Leaf().Match(await DebugAsync(disk, "ex /pieces", cancel)) : Indirect().Match(await DebugAsync(disk, "stat /pieces", cancel));
        places.Add(new Place(type == "ext4" ? "extent tree" : "indirect block", long.Parse(tree.Groups[1].Value, CultureInfo.InvariantCulture) * BlockBytes, 128));
        if (type != "ext2")
        {
            var journal = long.Parse((await DebugAsync(disk, "bmap <8> 0", cancel)).Trim(), CultureInfo.InvariantCulture) * BlockBytes;
            places.Add(new Place("journal superblock", journal, 64));
            // Behind it: the descriptor, the block, the commit.
            if (isDirty) places.AddRange([new("journal descriptor", journal + BlockBytes, 64), new("journal commit", journal + (3 * BlockBytes), 64)]);
        }

        places.Add(SampleFiles.Find(disk));
        return places;
    }

    private static async Task<long> FirstBlockAsync(string disk, string file, CancellationToken cancel) =>
        long.Parse((await DebugAsync(disk, $"blocks {file}", cancel)).Trim().Split(' ')[0], CultureInfo.InvariantCulture);

    private static Task<string> DebugAsync(string disk, string request, CancellationToken cancel) => new Command("debugfs", "-R", request, disk).RunAsync(cancel);

    private static long Number(string dump, string behind) =>
        long.Parse(new string([.. dump[(dump.IndexOf(behind, StringComparison.Ordinal) + behind.Length + 1)..].TakeWhile(char.IsAsciiDigit)]), CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Group descriptors at (\d+)-", RegexOptions.CultureInvariant)]
    private static partial Regex Group();

    [GeneratedRegex(@"located at block (\d+), offset (0x[0-9a-f]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Located();

    [GeneratedRegex(@"^ 0/ 1 .*?(\d+) +\d+ *$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Leaf();

    [GeneratedRegex(@"\(IND\):(\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Indirect();
}
