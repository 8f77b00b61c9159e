using System.Globalization;
using Sealift.Posix;

namespace Sealift.Guests.Files;

/// <summary>
/// Lists the files of every file system that the operating system mounts, and of EFI system partitions: what a conversion may write
/// to. Made in the appliance, on the throwaway layers, after the checks.
/// </summary>
internal static class FileLister
{
    private const int FilesystemLimit = 64;
    private const long UnpackedLimitBytes = 1L << 30;
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(2);

    /// <summary>Of the types that a kernel mounts, what to tell mount(8).</summary>
    private static readonly Dictionary<string, (string Type, string Options)> Mounts = new()
    {
        ["ext2"] = ("ext2", string.Empty),
        ["ext3"] = ("ext3", string.Empty),
        ["ext4"] = ("ext4", string.Empty),
        ["xfs"] = ("xfs", string.Empty),
        ["btrfs"] = ("btrfs", ",subvolid=5"), // the top level, with all subvolumes below it
        ["vfat"] = ("vfat", string.Empty),
        ["exfat"] = ("exfat", string.Empty),
        ["ntfs"] = ("ntfs-3g", string.Empty),
    };

    /// <summary>Whether a file system has inode numbers of its own; FAT has none, and the kernel gives others each time.</summary>
    public static bool HasInodes(string type) => type is not ("vfat" or "exfat");

    /// <summary>Lists them, each into a file of its own.</summary>
    /// <returns>The lists, named by <see cref="BlockDevice.Place"/> for now.</returns>
    /// <exception cref="SealiftException">SL5003, SL5004: the appliance failed; SL1xxx: a list cannot be kept.</exception>
    public static async Task<IReadOnlyList<FileList>> RunAsync(Appliance appliance, IReadOnlyList<BlockDevice> devices, OperatingSystems systems, string directory, CancellationToken cancel)
    {
        var lists = new List<FileList>();
        // A Btrfs over several devices is one file system.
        foreach (var device in devices.Where(d => !d.IsPartitioned && Mounts.ContainsKey(d.Type) && (d.IsEfiSystemPartition || systems.MountpointOfUuid.ContainsKey(d.Uuid)))
            .DistinctBy(d => d.Uuid.Length > 0 ? d.Uuid : d.Place))
        {
            var list = new FileList(device.Place, device.Description, systems.MountpointOfUuid.GetValueOrDefault(device.Uuid, string.Empty), device.Type, string.Empty, 0, string.Empty, string.Empty);
            if (lists.Count == FilesystemLimit) list = list with { NotTold = $"there are more than {FilesystemLimit} file systems" };
            else list = await ListAsync(appliance, device, list, Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{lists.Count}.gz")), cancel);
            lists.Add(list);
        }

        PosixPath.SyncDirectory(directory);
        return lists;
    }

    private static async Task<FileList> ListAsync(Appliance appliance, BlockDevice device, FileList list, string path, CancellationToken cancel)
    {
        var (type, options) = Mounts[device.Type];
        // What is in use of its inodes is known before any of them is looked at; Btrfs and FAT do not count theirs.
        var made = await appliance.ShellAsync($"list the files of {device.Description}", $$"""
            mkdir -p /tmp/sealift-files /tmp/sealift-lists && mount -t {{type}} -o ro,nosuid,nodev,noexec{{options}} {{device.Path}} /tmp/sealift-files || exit 1
            ( cd /tmp/sealift-files || exit 1
            set -- $(stat -f -c '%c %d' .)
            [ $(($1 - $2)) -le {{FileList.CountLimit}} ] || exit 100
            { timeout {{(int)TimeLimit.TotalSeconds}} find . -printf '{{FileListFile.RecordFormat}}'; echo $? >/tmp/sealift-find; printf '{{FileListFile.EndRecord}}'; } | head -c {{UnpackedLimitBytes}} | gzip -1 >/tmp/sealift-lists/list || exit 1
            exit $(cat /tmp/sealift-find)
            )
            code=$?
            umount /tmp/sealift-files || exit 1
            exit $code
            """, cancel);
        if (made.ExitCode != 0)
        {
            return list with
            {
                NotTold = made.ExitCode switch
                {
                    100 => FileListFile.TooMany,
                    124 => string.Create(CultureInfo.InvariantCulture, $"listing its files takes more than {TimeLimit.TotalMinutes} minutes"),
                    141 => string.Create(CultureInfo.InvariantCulture, $"the list of its files is longer than {UnpackedLimitBytes >> 20} MiB"),
                    _ => $"its files cannot be listed: {GuestText.Name(made.Output.Length > 0 ? made.Output : $"exit code {made.ExitCode}")}",
                },
            };
        }

        // guestfish takes files from where a guest is mounted, and from nowhere else.
        await appliance.CommandAsync(
            $"fetch the list of the files of {device.Description}",
            $"debug sh {Appliance.Quote("mount --bind /tmp/sealift-lists /sysroot")}\ndownload /list {Appliance.Quote(path)}\ndebug sh {Appliance.Quote("umount /sysroot; rm /tmp/sealift-lists/list")}",
            cancel);
        PosixPath.SetPermissions(path, 0x180 /* 0600: the names of a guest's files are nobody else's business */);
        using (var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow)) file.Sync();
        try
        {
            var content = FileListFile.Load(path, out var sha256);
            return list with { Count = FileListFile.Entries(content, HasInodes(device.Type)).Count(), FileName = Path.GetFileName(path), Sha256 = sha256 };
        }
        catch (InvalidDataException e)
        {
            return list with { NotTold = e.Message };
        }
    }
}
