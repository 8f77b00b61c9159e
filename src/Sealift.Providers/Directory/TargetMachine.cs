using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sealift.Disks;
using Sealift.Nbd;

namespace Sealift.Providers;

/// <summary>The machine that a target directory holds: the source's, with the disks and devices that it ended up with.</summary>
public sealed record TargetMachine
{
    private static readonly Guid Namespace = new("6f0f5b62-6f6e-5d0b-9d50-0a4c1c1c7c11");

    /// <summary>The machine as its source described it.</summary>
    public required VirtualMachine Machine { get; init; }

    /// <summary>The directory that holds its files, as an absolute path: the domain XML names disks by it. The start script does not need it.</summary>
    public required string DirectoryPath { get; init; }

    /// <summary>Its disks, in the order of the source's.</summary>
    public required IReadOnlyList<TargetDisk> Disks { get; init; }

    /// <summary>Its network interfaces, in the order of the source's.</summary>
    public required IReadOnlyList<NetworkInterface> NetworkInterfaces { get; init; }

    /// <summary>Whether the guest was converted to virtio.</summary>
    public required bool Converted { get; init; }

    /// <summary>Whether the domain runs under KVM (<c>type='kvm'</c>) or is emulated (<c>type='qemu'</c>). The start script finds out by itself.</summary>
    public bool Kvm { get; init; } = true;

    /// <summary>The migration that has libvirt define the domain; null where it only writes the description. It is marked with it, so that nothing else is ever undefined.</summary>
    public string? MigrationId { get; init; }

    /// <summary>What the new machine has otherwise than the source, one sentence each.</summary>
    public IReadOnlyList<string> Concerns { get; init; } = [];

    /// <summary>The file name of the libvirt domain.</summary>
    public string DomainFileName => $"{Machine.FileName}.xml";

    /// <summary>The file name of the start script.</summary>
    public string StartScriptFileName => $"{Machine.FileName}-start.sh";

    /// <summary>The file name of the UEFI variables; made on first start, by whichever of the two starts first.</summary>
    public string NvramFileName => $"{Machine.FileName}-nvram.fd";

    /// <summary>The file name of a disk: <c>NAME-disk1.raw</c> or <c>NAME-disk1.qcow2</c>.</summary>
    public static string DiskFileName(VirtualMachine machine, string key, ImageFormat format) =>
        $"{machine.FileName}-{SafeName.Of(key)}.{(format == ImageFormat.Qcow2 ? "qcow2" : "raw")}";

    /// <summary>The extension of the file that stands for a disk on an NBD export, and holds the export's URI.</summary>
    public const string ExportExtension = "nbd";

    /// <summary>The extension of the file that stands for a disk in a storage pool of another host, and holds where it is.</summary>
    public const string VolumeExtension = "volume";

    /// <summary>The file name of what stands for a disk on an NBD export: <c>NAME-disk1.nbd</c>.</summary>
    public static string ExportFileName(VirtualMachine machine, string key)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return $"{machine.FileName}-{SafeName.Of(key)}.{ExportExtension}";
    }

    /// <summary>
    /// The machine on its new host. Converted: every disk on virtio-blk, every interface virtio-net. Not converted: what comes
    /// closest to the source's hardware; where that differs, <see cref="Concerns"/> says so.
    /// </summary>
    /// <param name="machine">The source's machine.</param>
    /// <param name="directoryPath">The target directory, as an absolute path.</param>
    /// <param name="format">The format of its disks: raw or qcow2.</param>
    /// <param name="converted">Whether the guest was converted to virtio.</param>
    public static TargetMachine For(VirtualMachine machine, string directoryPath, ImageFormat format, bool converted)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var concerns = new List<string>();
        var target = new TargetMachine
        {
            Machine = machine,
            DirectoryPath = directoryPath,
            Disks = [.. machine.Disks.Select(d => new TargetDisk(d.Key, DiskFileName(machine, d.Key, format), format, converted ? DiskBus.VirtioBlk : Closest(d, machine, concerns)))],
            NetworkInterfaces = converted ? [.. machine.NetworkInterfaces.Select(n => n with { Model = NicModel.Virtio })] : machine.NetworkInterfaces,
            Converted = converted,
        };
        return target with { Concerns = concerns };
    }

    /// <summary>The address of an interface: the source's, or one made from the machine's identity so that it is the same every time.</summary>
    internal string MacOf(int index)
    {
        if (NetworkInterfaces[index].MacAddress is { } given) return MacAddress.TryNormalize(given, out var mac) ? mac! : throw ProviderErrors.TargetName("MAC address", given, "it is not a unicast MAC address");
        // 52:54:00 is QEMU's own prefix.
        var tail = SHA256.HashData(Encoding.UTF8.GetBytes($"{Uuid:D}/{index}"));
        return $"52:54:00:{tail[0]:x2}:{tail[1]:x2}:{tail[2]:x2}";
    }

    /// <summary>
    /// A version 5 UUID (RFC 9562, 5.5) from the machine's name and the identities of its disks: migrating the same machine again
    /// describes the same domain, and never adds a second one beside it.
    /// </summary>
    public Guid Uuid
    {
        get
        {
            var text = new StringBuilder(Machine.Name);
            foreach (var disk in Machine.Disks) text.Append(CultureInfo.InvariantCulture, $"\n{disk.Key} {disk.Identity} {disk.Image.VirtualLengthBytes}");
            Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
            SHA1.HashData([.. Namespace.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(text.ToString())], hash);
            hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
            hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
            return new Guid(hash[..16], bigEndian: true);
        }
    }

    /// <summary>Memory in MiB, rounded up: no hypervisor takes less than a page of it, and most want whole MiB.</summary>
    internal long MemoryMebibytes => (Machine.MemoryBytes + (1 << 20) - 1) >> 20;

    /// <summary>Whether the chipset is the old i440FX: the only one with IDE. Everything else is Q35.</summary>
    public bool NeedsIde => Disks.Any(d => d.Bus == DiskBus.Ide);

    /// <summary>Whether its clock is to be in local time, as Windows wants it.</summary>
    public bool GuestIsWindows => Machine.GuestHint.Contains("win", StringComparison.OrdinalIgnoreCase) && !Machine.GuestHint.Contains("darwin", StringComparison.OrdinalIgnoreCase);

    /// <summary>Refuses what neither description could express.</summary>
    /// <exception cref="Posix.SealiftException">SL6301 or SL6302.</exception>
    public void Check()
    {
        if (Disks.Count == 0 || Disks.Count > 64) throw ProviderErrors.TargetName("disks", Machine.Name, $"it has {Disks.Count}, and 1 to 64 are possible");
        if (!Path.IsPathFullyQualified(DirectoryPath)) throw ProviderErrors.TargetName("directory", DirectoryPath, "it is not an absolute path");
        if (Machine.SecureBoot && NeedsIde) throw ProviderErrors.TargetName("disks", Machine.Name, "secure boot needs Q35, which has no IDE");
        foreach (var disk in Disks)
        {
            if (disk.FileName.Length == 0 || disk.FileName[0] is '-' or '.' || !disk.FileName.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
                throw ProviderErrors.TargetName("disk file", disk.FileName, "a target's file names consist of letters, digits, dots, dashes and underscores");
            if (disk.Key.Length is 0 or > 20 || !disk.Key.All(char.IsAsciiLetterOrDigit)) throw ProviderErrors.TargetName("disk key", disk.Key, "it becomes the disk's serial number: 1 to 20 letters and digits");
            if (disk.Format is not (ImageFormat.Raw or ImageFormat.Qcow2)) throw ProviderErrors.TargetName("disk format", disk.Format.ToString(), "a target's disks are raw or qcow2");
            if (disk.DevicePath is { } device && (!Path.IsPathFullyQualified(device) || device.Any(char.IsControl) || disk.Format != ImageFormat.Raw)) throw ProviderErrors.TargetName("disk device", device, "it is not an absolute path, or its format is not raw");
            if (disk.Export is { } export && (disk.DevicePath is not null || disk.Format != ImageFormat.Raw || export.UsesTls || export.ExportName.Any(char.IsControl) || export.SocketPath?.Any(char.IsControl) is true)) throw ProviderErrors.TargetName("disk export", export.ToString(), "it is not one without TLS and control characters, raw, and beside no device");
            if (disk.Bus == DiskBus.Nvme) throw ProviderErrors.TargetName("disk bus", disk.Key, "libvirt does not emulate NVMe everywhere; use SATA or virtio");
        }

        foreach (var group in Disks.GroupBy(d => d.Bus))
        {
            // From QEMU: two IDE channels of two; LSI_MAX_DEVS, MPTSAS_NUM_PORTS; SATA gets as many controllers as it takes.
            var limit = group.Key switch { DiskBus.Ide => 4, DiskBus.LsiLogic => 7, DiskBus.LsiSas => 8, _ => 64 };
            if (group.Count() > limit) throw ProviderErrors.TooManyForBus(Machine.Name, group.Key, group.Count(), limit);
        }
    }

    private static DiskBus Closest(SourceDisk disk, VirtualMachine machine, List<string> concerns)
    {
        switch (disk.Bus)
        {
            case DiskBus.Nvme:
                concerns.Add($"{disk.Key} hangs on NVMe in the source and on SATA in the new machine: the guest needs an AHCI driver to boot");
                return DiskBus.Sata;
            case DiskBus.Ide when machine.SecureBoot:
                concerns.Add($"{disk.Key} hangs on IDE in the source and on SATA in the new machine, because secure boot needs a chipset without IDE");
                return DiskBus.Sata;
            case DiskBus.LsiLogic:
                concerns.Add($"{disk.Key} hangs on an LSI 53C1030 in the source and on an LSI 53C895A in the new machine: the guest needs another driver (sym53c8xx) to boot");
                return disk.Bus;
            default:
                return disk.Bus;
        }
    }
}

/// <summary>A disk of a target machine.</summary>
/// <param name="Key">As in <see cref="SourceDisk.Key"/>; the guest sees it as the disk's serial number.</param>
/// <param name="FileName">Its file name within the directory.</param>
/// <param name="Format">Raw or qcow2.</param>
/// <param name="Bus">The controller that it hangs on now.</param>
public sealed record TargetDisk(string Key, string FileName, ImageFormat Format, DiskBus Bus)
{
    /// <summary>The block device that it is on, as an absolute path; the file is then a symbolic link to it. Null where it is a file.</summary>
    public string? DevicePath { get; init; }

    /// <summary>The NBD export that it is on; the file then only holds its URI. Null where it is not.</summary>
    public NbdUri? Export { get; init; }
}
