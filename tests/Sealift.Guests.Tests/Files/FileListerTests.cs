using System.Text;
using Sealift.Guests.Files;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Files;

/// <summary>Lists of real file systems, made in the appliance; one start of it for all of them, with what was before beside what is after.</summary>
public sealed class FileListerTests : IDisposable
{
    private static readonly (string Type, string[] Make)[] Others =
    [
        ("xfs", ["mkfs.xfs", "-q", "-p", "PROTO", "IMAGE"]),
        ("btrfs", ["mkfs.btrfs", "-q", "--rootdir", "TREE", "IMAGE"]),
        ("vfat", ["mkfs.fat", "IMAGE"]),
        ("ntfs", ["mkntfs", "-q", "-F", "-f", "IMAGE"]),
    ];

    private readonly TemporaryDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        // The runtime cannot name some of these files, and so not remove them.
        ChildProcess.RunAsync(new ChildCommand("rm", "-rf", directory.File("tree")), CancellationToken.None).GetAwaiter().GetResult();
        directory.Dispose();
    }

    [Fact]
    public async Task What_was_done_to_a_file_system_is_what_the_lists_tell()
    {
        var drives = new List<GuestDrive>();
        // Names that no list may stumble over: a line's end, an escape, bytes that are no UTF-8, what looks like the end of a list.
        await ShellAsync("""
            mkdir -p tree/etc tree/boot && cd tree
            echo one >etc/fstab; echo gone >etc/gone; echo same >etc/same; ln -s same etc/link; mkfifo etc/fifo
            printf 'x' >"$(printf 'etc/a\nb\033[31m')"; printf 'x' >"$(printf 'etc/\377\376')"; echo x >'etc/end'; echo x >"etc/-rf \$(reboot) '\""
            """);
        await ShellAsync("""
            mke2fs -q -t ext4 -d tree ext4-before.img 16M && cp ext4-before.img ext4-after.img
            printf 'more than one\n' >new; truncate -s 0 empty
            debugfs -w -f /dev/stdin ext4-after.img <<'COMMANDS'
            rm /etc/gone
            rm /etc/fstab
            write new /etc/fstab
            write empty /boot/added
            set_inode_field /etc/same ctime 20300101
            COMMANDS
            """);
        drives.Add(Rigs.Raw("before", directory.File("ext4-before.img")));
        drives.Add(Rigs.Raw("after", directory.File("ext4-after.img")));
        await ShellAsync("""
            printf '/\n1 1\nd--755 0 0\nsame ---644 0 0 tree/etc/same\n$\n' >proto
            truncate -s 320M xfs.img; truncate -s 128M btrfs.img; truncate -s 16M vfat.img ntfs.img
            """);
        foreach (var (type, make) in Others)
        {
            var image = directory.File(type + ".img");
            string[] command = [.. make.Select(m => m switch { "IMAGE" => image, "TREE" => directory.File("tree/etc"), "PROTO" => directory.File("proto"), _ => m })];
            await ChildProcess.RunAsync(new ChildCommand(command[0], command[1..]) { WorkingDirectory = directory.Path }, Cancel);
            drives.Add(Rigs.Raw(type, image));
        }

        await ShellAsync("mcopy -i vfat.img tree/etc/same ::/SAME && ntfscp -q -f ntfs.img tree/etc/same same 2>/dev/null");
        // Made unreadable where mount(8) looks: it is not listed, and that is said.
        await ShellAsync("mke2fs -q -t ext4 -O ^metadata_csum broken.img 8M && debugfs -w -R 'set_super_value inode_size 77' broken.img");
        drives.Add(Rigs.Raw("broken", directory.File("broken.img")));

        var lists = (await ListAsync(drives)).ToDictionary(l => l.Filesystem);
        Assert.Equal(drives.Select(d => d.Key).Order(), lists.Keys.Order());
        foreach (var (type, _) in Others)
        {
            Assert.Equal((type, string.Empty), (type, lists[type].NotTold));
            Assert.Contains(Names(lists[type]), n => n.EndsWith("/same", StringComparison.OrdinalIgnoreCase));
        }

        Assert.StartsWith("its files cannot be listed: ", lists["broken"].NotTold, StringComparison.Ordinal);
        Assert.Equal(string.Empty, lists["broken"].FileName);
        Assert.Equal(0x180, FileFacts.OfPath(directory.File(Path.Combine("lists", lists["before"].FileName))).Permissions);
        Assert.Contains(@"/etc/a\x0ab\x1b[31m", Names(lists["before"]));
        Assert.Contains(@"/etc/\xff\xfe", Names(lists["before"]));
        Assert.Contains("/etc/end", Names(lists["before"]));

        var changes = FileComparison.Run([lists["before"]], directory.File("lists"), [lists["after"] with { Filesystem = "before" }], directory.File("lists"), directory.File("changes.jsonl"), Cancel);
        Assert.Equal(
            ["changed /etc/fstab 4 14", "changed /etc/same 5 5", "removed /etc/gone 5 ", "added /boot/added  0"],
            changes.First.Select(c => FormattableString.Invariant($"{c.Kind.ToString().ToLowerInvariant()} {c.Path} {c.BytesBefore} {c.BytesAfter}")));
        Assert.Contains("size", changes.First[0].Differences);
        Assert.Equal(["status"], changes.First[1].Differences);
    }

    private async Task<IReadOnlyList<FileList>> ListAsync(IReadOnlyList<GuestDrive> drives)
    {
        var options = Rigs.Options(directory);
        var lists = Directory.CreateDirectory(directory.File("lists")).FullName;
        using var log = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        await using var appliance = await Appliance.StartAsync(drives, options, log, scratch, Cancel);
        // The copy of the same file system has its UUID: told apart by their places, as two would be that have none.
        var devices = (await BlockDevices.FindAsync(appliance, drives, options.LogPath, Cancel)).Select(d => d with { Probe = d.Probe.Where(p => p.Key != "ID_FS_UUID_ENC").ToDictionary() }).ToList();
        var systems = OperatingSystems.None([]) with { MountpointOfUuid = new Dictionary<string, string> { [string.Empty] = "/" } };
        var made = await FileLister.RunAsync(appliance, devices, systems, lists, Cancel);
        await appliance.CloseAsync(Cancel);
        return made;
    }

    private List<string> Names(FileList list) =>
        [.. FileListFile.Entries(FileListFile.Load(directory.File(Path.Combine("lists", list.FileName)), out _), hasInodes: true).Select(e => GuestText.Path(e.Path))];

    private async Task ShellAsync(string script) =>
        _ = await ChildProcess.RunAsync(new ChildCommand("sh", "-e", "-c", script) { WorkingDirectory = directory.Path, Deadline = TimeSpan.FromMinutes(1) }, Cancel);
}
