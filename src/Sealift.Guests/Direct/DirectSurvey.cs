using System.Globalization;
using Sealift.Disks;
using Sealift.Guests.Checks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Guests.Direct;

/// <summary>What our own readers find on the disks of a machine: partition tables, and what each partition holds.</summary>
internal sealed class DirectSurvey : IAsyncDisposable
{
    // Linux gives a disk no more (DISK_MAX_PARTS); a table can name thousands, each of which would be looked at.
    private const int PartitionLimit = 255;

    private readonly List<IDiskReader> disks = [];
    private readonly List<DirectVolume> volumes = [];

    private DirectSurvey()
    {
    }

    /// <summary>Every disk, partition table and partition, each disk before its partitions.</summary>
    public IReadOnlyList<DirectVolume> Volumes => volumes;

    /// <summary>Opens the disks, which stay open until it is disposed, and looks at all of them.</summary>
    /// <exception cref="SealiftException">A disk cannot be opened or read.</exception>
    public static async Task<DirectSurvey> MakeAsync(IReadOnlyList<GuestDrive> drives, ScratchDirectory scratch, CancellationToken cancel)
    {
        var survey = new DirectSurvey();
        try
        {
            for (var i = 0; i < drives.Count; i++)
            {
                var disk = await OpenAsync(drives[i], scratch, cancel);
                survey.disks.Add(disk);
                await survey.LookAsync(disk, drives[i].Key, NodeOf(i), cancel);
            }

            return survey;
        }
        catch
        {
            await survey.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the storage daemon calls a disk of the machine.</summary>
    public static string NodeOf(int drive) => string.Create(CultureInfo.InvariantCulture, $"disk{drive}");

    public async ValueTask DisposeAsync()
    {
        foreach (var disk in disks) await disk.DisposeAsync();
    }

    /// <summary>One disk that is open already; for tests, too.</summary>
    internal static async Task<IReadOnlyList<DirectVolume>> LookAtAsync(IDiskReader disk, string key, CancellationToken cancel)
    {
        var survey = new DirectSurvey();
        await survey.LookAsync(disk, key, NodeOf(0), cancel);
        return survey.volumes;
    }

    private static async Task<IDiskReader> OpenAsync(GuestDrive drive, ScratchDirectory scratch, CancellationToken cancel)
    {
        if (drive is { NbdSocket: { } socket, ImagePath: null }) return await DiskImage.OpenNbdAsync(NbdUri.Unix(Path.GetFullPath(socket)), new NbdOptions { Connections = 2 }, cancel);
        if (drive is not { ImagePath: { } path, NbdSocket: null }) throw GuestsErrors.DriveNotUsable(drive.Key, "it must have either an NBD socket or an image");
        var image = drive.Format switch
        {
            ImageFormat.Raw => new ImageReference(new ImageLocation(path), ImageFormat.Raw, string.Empty, 0, 0, null, [path]) { IsBlockDevice = FileFacts.OfPath(path).Kind == FileKind.BlockDevice },
            // One of ours: its header names the disk below it, wherever that is.
            ImageFormat.Qcow2 => await ImageProbe.ExamineAsync(new ImageLocation(Path.GetFullPath(path)), new ImageProbeOptions { AllowBackingDirectory = "/", AllowBackingDevice = true, Format = ImageFormat.Qcow2 }, cancel),
            _ => throw GuestsErrors.DriveNotUsable(drive.Key, $"format {drive.Format} is shown through an NBD socket, not as a file"),
        };
        return await DiskImage.OpenReadAsync(image, scratch.Path, cancel);
    }

    private async Task LookAsync(IDiskReader disk, string key, string node, CancellationToken cancel)
    {
        var probe = await ContentProbe.RunAsync(disk, isPartitioned: false, cancel);
        var table = await PartitionTable.ReadAsync(disk, holdsFileSystem: probe.Count > 0, cancel);
        if (table.Kind.Length > 0)
        {
            // What stands at the end of the disk then stands at the end of its last partition, and is that one's.
            probe = await ContentProbe.RunAsync(disk, isPartitioned: true, cancel);
            probe["ID_PART_TABLE_TYPE"] = table.Kind;
        }

        if (table.Partitions.Count > PartitionLimit)
        {
            var many = PartitionTable.Errors([string.Create(CultureInfo.InvariantCulture, $"It has {table.Partitions.Count} partitions: Linux sees the first {PartitionLimit}, and so many were looked at")]);
            table = table with { Partitions = [.. table.Partitions.Take(PartitionLimit)], Observations = [.. table.Observations, .. many] };
        }

        var start = await disk.TryReadAsync(0, 440, cancel) ?? [];
        volumes.Add(new DirectVolume(
            new BlockDevice(string.Empty, "disk", string.Empty, disk.LengthBytes, 0, [key], probe) { HasBootCode = start.AsSpan().ContainsAnyExcept((byte)0) },
            node,
            0,
            new PartitionReader(disk, key, 0, disk.LengthBytes)) { Table = table.Observations });
        foreach (var partition in table.Partitions)
        {
            var reader = new PartitionReader(disk, $"{key} partition {partition.Number}", partition.Offset, partition.LengthBytes);
            var content = partition.IsExtended ? [] : await ContentProbe.RunAsync(reader, isPartitioned: false, cancel);
            var isEmpty = content.Count == 0;
            content["ID_PART_ENTRY_TYPE"] = partition.EntryType;
            // Its length is what the disk has of it, as a kernel would give it.
            var device = new BlockDevice(string.Empty, "part", string.Empty, reader.LengthBytes, partition.Number, [key], content);
            // Such disks keep their own table of volumes there, and more than one partition's worth of it at the end.
            if (isEmpty && device.IsDynamicDisk) content["ID_FS_TYPE"] = "windows_LDM";
            volumes.Add(new DirectVolume(device, node, partition.Offset, reader));
        }
    }
}
