using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Images;

/// <summary>A machine made of disk images: its disks are known, the rest is a default that the caller may override.</summary>
internal static class ImageSource
{
    private const int DefaultCpus = 2;
    private const long DefaultMemoryBytes = 2L << 30;

    public static async Task<(VirtualMachine Machine, List<string> Notes)> ReadAsync(IReadOnlyList<string> paths, SourceFiles files, SourceOptions options, CancellationToken cancel)
    {
        RefuseDuplicates(paths, files);
        var disks = new List<SourceDisk>();
        foreach (var path in paths)
        {
            var image = await ImageProbe.ExamineAsync(new ImageLocation(Path.GetFullPath(path)), new ImageProbeOptions { AllowBackingDirectory = options.AllowBackingDirectory, Format = options.Format }, cancel);
            // The file name is enough to know it by, unless another has the same.
            var identity = paths.Count(p => Path.GetFileName(p) == Path.GetFileName(path)) == 1 ? Path.GetFileName(path) : Path.GetFullPath(path);
            disks.Add(new SourceDisk($"disk{disks.Count + 1}", identity, image, DiskBus.Sata, string.Empty));
        }

        RefuseSharedFiles(disks, files);
        var overrides = options.Overrides;
        var notes = new List<string>();
        void Default(bool taken, string what)
        {
            if (taken) notes.Add($"A disk image does not say {what} was taken");
        }

        Default(overrides.Cpus is null, $"how many CPUs its machine has: {DefaultCpus}");
        Default(overrides.MemoryBytes is null, $"how much memory its machine has: {DefaultMemoryBytes >> 20} MiB");
        Default(overrides.Firmware is null, "how its machine boots: BIOS");
        Default(overrides.DiskBus is null, "which controller it hangs on: SATA");
        Default(overrides.NetworkInterfaces is null, "which network interfaces its machine has: one e1000e");
        var machine = new VirtualMachine
        {
            Name = Path.GetFileNameWithoutExtension(paths[0]) is { Length: > 0 } name ? name : "machine",
            Cpus = DefaultCpus,
            MemoryBytes = DefaultMemoryBytes,
            Firmware = Firmware.Bios,
            Disks = disks,
            NetworkInterfaces = [new NetworkInterface(NicModel.E1000e, null, string.Empty)],
        };
        return (machine, notes);
    }

    private static void RefuseDuplicates(IReadOnlyList<string> paths, SourceFiles files)
    {
        var seen = new Dictionary<(ulong, ulong), string>();
        foreach (var path in paths)
        {
            var facts = files.Add(path).Facts;
            if (seen.TryGetValue((facts.Device, facts.Inode), out var first)) throw ProviderErrors.SameDiskTwice(first, path);
            seen.Add((facts.Device, facts.Inode), path);
        }
    }

    /// <summary>A disk that is given both by itself and as a part of another (an extent, a backing file) would be migrated twice.</summary>
    private static void RefuseSharedFiles(List<SourceDisk> disks, SourceFiles files)
    {
        var tops = disks.ToDictionary(d => Id(d.Image.Location.Path), d => d);
        foreach (var disk in disks)
        {
            foreach (var path in disk.Image.Files)
                if (tops.TryGetValue(Id(path), out var other) && other.Key != disk.Key) throw ProviderErrors.SameDiskTwice(other.Image.Location.Path, disk.Image.Location.Path);
        }

        (ulong, ulong) Id(string path)
        {
            var facts = files.Add(path).Facts;
            return (facts.Device, facts.Inode);
        }
    }
}
