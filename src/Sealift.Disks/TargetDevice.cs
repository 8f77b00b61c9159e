using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A block device that a disk of a machine goes to, overwritten in place, and what tells it from others.</summary>
/// <param name="Path">The path that it was named by.</param>
/// <param name="Number">The kernel's number of it, as <c>MAJOR:MINOR</c>: after a restart of the host another device may have it.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Identity">What it says of itself, out of sysfs: the UUID of a device mapper's volume, the world-wide name of a disk, its serial number, the file behind a loop device; empty where it says nothing.</param>
public sealed record TargetDevice(string Path, string Number, long LengthBytes, string Identity)
{
    // In this order: what names the volume before what names the disk that it is on.
    private static readonly string[] Names = ["dm/uuid", "loop/backing_file", "wwid", "device/wwid", "serial", "device/serial"];

    private static readonly string[] UniqueNames = ["dm/uuid", "wwid", "device/wwid"];

    private const int LongestIdentity = 300;
    private const string Partition = " partition ";

    /// <summary>Looks which device a path leads to. Nothing is changed.</summary>
    /// <exception cref="SealiftException">SL4253: it is no block device. SL1001: it is not there.</exception>
    public static TargetDevice Of(string path)
    {
        var found = FileIdentity.Of(path);
        if (found.Kind != FileKind.BlockDevice) throw CopyErrors.TargetRefused(path, "it is no block device", "Name a block device, such as a logical volume: /dev/VG/LV");
        var number = FileFacts.NumberOf(found.NodeDevice);
        return new TargetDevice(path, number, found.LengthBytes, IdentityOf($"/sys/dev/block/{number}"));
    }

    /// <summary>What happened to the device since an earlier look; null where nothing did that can be seen. Writes to a device cannot.</summary>
    public string? ChangeSince(TargetDevice before)
    {
        ArgumentNullException.ThrowIfNull(before);
        if (Identity != before.Identity) return $"it was '{before.Identity}' and is '{Identity}' now";
        if (LengthBytes != before.LengthBytes) return $"it had {before.LengthBytes} bytes and has {LengthBytes} now";
        // One that says nothing of itself is known by its number alone; for the others it may be another after a restart.
        return Identity.Length == 0 && Number != before.Number ? $"it was the device {before.Number} and is {Number} now" : null;
    }

    /// <summary>Whether it is the device of a path, or one of the two is a partition of the other.</summary>
    public bool Overlaps(string path) => FileFacts.OfPathIfExists(path) is not null && FileIdentity.Of(Path).Overlaps(FileIdentity.Of(path));

    /// <summary>
    /// Whether what it says of itself is what another says, or one is a partition of the other: so one LUN is known by two paths. Where one
    /// of the two says nothing, it is their numbers.
    /// </summary>
    public bool IsSameAs(TargetDevice other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Identity.Length == 0 || other.Identity.Length == 0 ? Number == other.Number : SaysTheSame(other);
    }

    /// <summary>The same, believed only where what it says is unique in the world: a world-wide name, or the UUID of a device mapper's volume.</summary>
    public bool IsSameVolumeAs(TargetDevice other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return UniqueNames.Any(n => Identity.StartsWith(n + " ", StringComparison.Ordinal)) && SaysTheSame(other);
    }

    /// <summary>Whether it is a loop device over a file, or a partition of one: what is written to it is written to the file.</summary>
    public bool IsBackedBy(string path)
    {
        var place = Directory.ResolveLinkTarget($"/sys/dev/block/{Number}", returnFinalTarget: true)?.FullName;
        foreach (var directory in place is null ? [] : new[] { place, System.IO.Path.GetDirectoryName(place)! })
        {
            if (Read(System.IO.Path.Combine(directory, "loop/backing_file")) is not { Length: > 0 } backing || !System.IO.Path.Exists(backing) || !System.IO.Path.Exists(path)) continue;
            var (below, file) = (FileFacts.OfPath(backing), FileFacts.OfPath(path));
            if (below.Device == file.Device && below.Inode == file.Inode) return true;
        }

        return false;
    }

    private bool SaysTheSame(TargetDevice other) => Identity == other.Identity
        || Identity.StartsWith(other.Identity + Partition, StringComparison.Ordinal) || other.Identity.StartsWith(Identity + Partition, StringComparison.Ordinal);

    /// <summary>Demands that it can take a disk, and that nobody uses it. Nothing is written.</summary>
    /// <param name="lengthBytes">The length of the disk in bytes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">It is shorter (SL4206), in use (SL1001 with EBUSY, SL4208), a part of something larger (SL4259), or may not be written (SL1001).</exception>
    public async Task DemandFreeAsync(long lengthBytes, CancellationToken cancel)
    {
        if (LengthBytes < lengthBytes) throw DiskErrors.TargetTooShort(Path, LengthBytes, lengthBytes);
        await using (RawDisk.OpenWrite(Path))
        {
            // To be opened for writing it has to be in nobody's use.
        }

        await StorageMembership.DemandNoneAsync(c => LeadingPart.OfAsync<IUncachedReader>(UncachedRawDisk.Open(Path), LengthBytes), cancel);
    }

    /// <summary>Demands that no other process has it, its disk or a partition of it open for writing, as one may since it was looked at.</summary>
    /// <exception cref="SealiftException">SL4208.</exception>
    public void DemandUnused()
    {
        if (DeviceUsers.Find(FileFacts.OfPath(Path).NodeDevice) is { } user) throw DiskErrors.InUse(Path, user);
    }

    private static string IdentityOf(string directory)
    {
        foreach (var name in Names)
        {
            if (Read(System.IO.Path.Combine(directory, name)) is { Length: > 0 } said) return $"{name} {said}";
        }

        // A partition is known by its number on the disk that it is on.
        if (Read(System.IO.Path.Combine(directory, "partition")) is not { Length: > 0 } partition) return string.Empty;
        var parent = Directory.ResolveLinkTarget(directory, returnFinalTarget: true) is { } place ? IdentityOf(System.IO.Path.GetDirectoryName(place.FullName)!) : string.Empty;
        return parent.Length == 0 ? string.Empty : parent + Partition + partition;
    }

    private static string? Read(string path)
    {
        try
        {
            var text = File.ReadAllText(path).Trim();
            return text.Length > LongestIdentity ? text[..LongestIdentity] : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // not every device has every one of these
        }
    }
}
