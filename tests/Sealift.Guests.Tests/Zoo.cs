using Sealift.Bench.FileSystems;
using Sealift.Bench.FileSystems.Formats;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests.Tests;

/// <summary>
/// Disks full of file systems, sound and damaged. Those of tests/rigs/filesystems.sh are examined together, both ways: a boot of the
/// appliance costs ten seconds and more without KVM, and the direct way needs one as well, for volumes of LVM, an array, a Btrfs over two
/// disks and the dirty log of an XFS. In that one the exhibits of bench/Zoo are asked about that this host cannot answer alone, so that
/// two starts are all that the tests of the zoo need. The operating system is not looked for, which takes long on so many file systems.
/// One disk is shown through an NBD socket, one as a qcow2 whose path needs quoting.
/// </summary>
public sealed class Zoo : IAsyncLifetime
{
    private static readonly string[] Names = ["healthy", "mbr", "lvm1", "lvm2", "whole", "unknown", "dirty", "damaged", "badgpt", "short", "md1", "md2", "wide1", "wide2", "luks"];
    private readonly TemporaryDirectory directory = new();

    /// <summary>Whatever can be is checked on this host.</summary>
    public GuestReport Report { get; private set; } = null!;

    /// <summary>Everything is checked in the appliance.</summary>
    public GuestReport SecondOpinion { get; private set; } = null!;

    /// <summary>One damage of each kind to each structure of everything that there is in bench/Zoo.</summary>
    public IReadOnlyList<Trial> Trials { get; private set; } = [];

    public string LogText { get; private set; } = string.Empty;

    public IReadOnlyDictionary<string, string> HashesBefore { get; private set; } = null!;

    public IReadOnlyDictionary<string, string> HashesAfter { get; private set; } = null!;

    public IReadOnlyList<string> LeftBehind { get; private set; } = [];

    public List<string> Progress { get; } = [];

    public async ValueTask InitializeAsync()
    {
        await Rigs.RunAsync("filesystems.sh", directory.Path);
        Complete();
        var odd = Directory.CreateDirectory(directory.File("odd, \"d'ir\\\" é:x")).FullName;
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", "-b", directory.File("mbr.img"), "-F", "raw", Path.Combine(odd, "m br.qcow2"));
        HashesBefore = await HashesAsync();

        var socket = directory.File("healthy.sock");
        var server = new ChildCommand("qemu-nbd", "--read-only", "--persistent", "--shared=8", "--format=raw", $"--socket={socket}", directory.File("healthy.img")) { Deadline = TimeSpan.FromMinutes(10) };
        await using (ChildProcess.Start(server))
        {
            for (var i = 0; i < 100 && !File.Exists(socket); i++) await Task.Delay(100);
            var drives = Names.Select(n => n switch
            {
                "healthy" => new GuestDrive(n, socket, null, ImageFormat.Raw),
                "mbr" => new GuestDrive(n, null, Path.Combine(odd, "m br.qcow2"), ImageFormat.Qcow2),
                _ => Rigs.Raw(n, directory.File(n + ".img")),
            }).ToList();
            var work = Directory.CreateDirectory(directory.File("work")).FullName;
            var options = new GuestOptions { WorkDirectory = work, LogPath = directory.File("zoo.log"), Inspect = false };
            // Side by side: most of it is waiting for two emulated processors.
            var second = GuestExamination.RunAsync(drives, options with { LogPath = directory.File("second.log"), Way = CheckWay.Appliance }, null, CancellationToken.None);
            Trials = await Visit.SeeAsync(Directory.CreateDirectory(directory.File("visit")).FullName, Collection.All, seed: 1, each: 1, null, CancellationToken.None);
            var left = Trials.Where(t => t.IsLeft).ToList();
            var all = await GuestExamination.RunAsync([.. drives, .. left.SelectMany(t => t.Drives)], options, new Recorder(Progress), CancellationToken.None);
            foreach (var trial in left) trial.Hear(all);
            Report = Trial.PartOf(all, drives);
            SecondOpinion = await second;
            LeftBehind = [.. Directory.GetFileSystemEntries(work), .. (await File.ReadAllLinesAsync("/proc/mounts")).Where(l => l.Contains("sealift-work-", StringComparison.Ordinal))];
            LogText = await File.ReadAllTextAsync(options.LogPath);
        }

        HashesAfter = await HashesAsync();
    }

    public ValueTask DisposeAsync()
    {
        directory.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A disk's bytes, for a test to damage.</summary>
    public byte[] Bytes(string disk) => File.ReadAllBytes(directory.File(disk + ".img"));

    public IReadOnlyList<Finding> FindingsOn(string disk, int partition = 0) =>
        [.. Report.Findings.Where(f => partition == 0 ? f.Device.StartsWith(disk + ",", StringComparison.Ordinal) : f.Device.StartsWith($"{disk} partition {partition},", StringComparison.Ordinal))];

    /// <summary>Adds what no program makes without a kernel.</summary>
    private void Complete()
    {
        const int First = 1 << 20, Xfs = 33 << 20; // where the script's partitions begin
        XfsLog.MakeDirty(directory.File("dirty.img"), Xfs);
        MdArray.Make([directory.File("md1.img"), directory.File("md2.img")], 1, "odd", directory.File("md.inside"));
        string[] volumes = [directory.File("pv1"), directory.File("pv2")];
        LvmVolume.Make(volumes, 1, "vg-odd", "root-lv", directory.File("lvm.inside"));
        foreach (var (volume, disk) in volumes.Zip(["lvm1.img", "lvm2.img"]))
        {
            using var file = PosixFile.Open(directory.File(disk), OpenMode.ReadWrite);
            file.WriteAt(File.ReadAllBytes(volume), First);
        }
    }

    private async Task<IReadOnlyDictionary<string, string>> HashesAsync()
    {
        var hashes = new Dictionary<string, string>();
        foreach (var name in Names) hashes[name] = await Rigs.HashAsync(directory.File(name + ".img"));
        return hashes;
    }

    private sealed class Recorder(List<string> lines) : IProgress<string>
    {
        public void Report(string value) => lines.Add(value);
    }
}

[CollectionDefinition(nameof(Zoo))]
public sealed class ZooCollection : ICollectionFixture<Zoo>;
