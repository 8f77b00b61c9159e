namespace Sealift.Guests;

/// <summary>A disk, a partition, a logical volume or an array: a block device of the appliance, or what we found on a disk ourselves.</summary>
/// <param name="KernelName"><c>sda1</c>, <c>dm-0</c>: only letters, digits and dashes. Empty where no kernel was asked.</param>
/// <param name="Kind">As lsblk(8) names it: <c>disk</c>, <c>part</c>, <c>lvm</c>, <c>raid1</c>, <c>crypt</c> …</param>
/// <param name="VolumeName">The name of a logical volume or array (<c>vg/lv</c>); empty otherwise.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Partition">Its partition number; 0 where it is none.</param>
/// <param name="DiskKeys">The keys of the disks that it lies on, in the machine's order.</param>
/// <param name="Probe">What blkid(8) found by low-level probing, by its udev names.</param>
internal sealed record BlockDevice(
    string KernelName, string Kind, string VolumeName, long LengthBytes, int Partition, IReadOnlyList<string> DiskKeys, IReadOnlyDictionary<string, string> Probe)
{
    /// <summary>Its node in the appliance; fit for a shell as it is.</summary>
    public string Path => "/dev/" + KernelName;

    /// <summary>Whether there is anything where a BIOS looks for boot code: the first 440 bytes.</summary>
    public bool HasBootCode { get; init; }

    /// <summary>Whether more than one signature was found, so that nobody can say what it is.</summary>
    public bool IsAmbiguous => Probe.ContainsKey("ID_FS_AMBIVALENT");

    /// <summary>Whether it holds nothing itself: a disk with a partition table, or an extended partition.</summary>
    public bool IsPartitioned => Type == "unknown" && ((PartitionTable.Length > 0 && Kind is not ("part" or "lvm" or "crypt")) || Probe.GetValueOrDefault("ID_PART_ENTRY_TYPE") is "0x5" or "0xf" or "0x85");

    /// <summary><c>gpt</c>, <c>dos</c> … or empty.</summary>
    public string PartitionTable => Probe.GetValueOrDefault("ID_PART_TABLE_TYPE", string.Empty);

    /// <summary>Whether it is an EFI system partition, by the partition table's word (UEFI 2.10, 5.3.3; MBR type 0xEF).</summary>
    public bool IsEfiSystemPartition => Probe.GetValueOrDefault("ID_PART_ENTRY_TYPE") is "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" or "0xef";

    /// <summary>Whether its partition's type is one of a dynamic disk of Windows: MBR 0x42, or LDM's two of GPT.</summary>
    public bool IsDynamicDisk => Probe.GetValueOrDefault("ID_PART_ENTRY_TYPE") is "0x42" or "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3" or "af9b60a0-1431-4f62-bc68-3311714a69ad";

    /// <summary>What it holds, or <c>unknown</c>.</summary>
    public string Type => IsAmbiguous ? "unknown" : Probe.GetValueOrDefault("ID_FS_TYPE", "unknown");

    /// <summary>Its label as it stands on the disk.</summary>
    public string RawLabel => GuestText.DecodeUdev(Probe.GetValueOrDefault("ID_FS_LABEL_ENC", string.Empty));

    /// <summary>Its label, fit to be shown.</summary>
    public string Label => GuestText.Name(RawLabel);

    /// <summary>Its UUID where that is one; what else a guest may have written there is nobody's identity.</summary>
    public string Uuid
    {
        get
        {
            var uuid = Probe.GetValueOrDefault("ID_FS_UUID_ENC", string.Empty);
            return uuid.Length is > 3 and <= 64 && uuid.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') ? uuid : string.Empty;
        }
    }

    /// <summary>Where it is, without what it holds: <c>disk1/2</c>, <c>disk1</c>, <c>disk1+disk2/vg/lv</c>.</summary>
    public string Place
    {
        get
        {
            var disks = string.Join('+', DiskKeys);
            return VolumeName.Length > 0 ? $"{disks}/{VolumeName}" : Partition > 0 ? $"{disks}/{Partition}" : disks;
        }
    }

    /// <summary>For people: <c>disk1 partition 2, ext4 "root"</c>.</summary>
    public string Description
    {
        get
        {
            var disks = string.Join('+', DiskKeys);
            var place = VolumeName.Length > 0 ? $"{disks} volume {VolumeName}" : Partition > 0 ? $"{disks} partition {Partition}" : disks;
            if (IsPartitioned) return PartitionTable.Length > 0 ? $"{place}, {PartitionTable} partition table" : $"{place}, extended partition";
            return Label.Length > 0 ? $"{place}, {Type} \"{Label}\"" : $"{place}, {Type}";
        }
    }
}
