namespace Sealift.Providers;

/// <summary>The QEMU devices of a disk.</summary>
/// <param name="Controller">The <c>-device</c> of the controller that it is the first on; null where there is none to add.</param>
/// <param name="Device">The <c>-device</c> of the disk itself, without its drive.</param>
public sealed record DiskDevice(string? Controller, string Device);

/// <summary>What a target machine's disks hang on in QEMU: the same where it is started by its script and where its boot is proven.</summary>
public static class DiskDevices
{
    private const int SataPortsPerController = 6;

    /// <summary>The devices of each disk, in their order.</summary>
    public static IReadOnlyList<DiskDevice> Of(IReadOnlyList<TargetDisk> disks)
    {
        ArgumentNullException.ThrowIfNull(disks);
        var counts = new Dictionary<DiskBus, int>();
        var devices = new List<DiskDevice>();
        foreach (var disk in disks)
        {
            var unit = counts.GetValueOrDefault(disk.Bus);
            counts[disk.Bus] = unit + 1;
            var controller = disk.Bus switch
            {
                DiskBus.Sata when unit % SataPortsPerController == 0 => $"ahci,id=sata{unit / SataPortsPerController}",
                DiskBus.LsiLogic when unit == 0 => "lsi53c895a,id=lsilogic",
                DiskBus.LsiSas when unit == 0 => "mptsas1068,id=lsisas",
                DiskBus.Pvscsi when unit == 0 => "pvscsi,id=pvscsi",
                DiskBus.VirtioScsi when unit == 0 => "virtio-scsi-pci,id=virtioscsi",
                _ => null,
            };
            devices.Add(new DiskDevice(controller, disk.Bus switch
            {
                DiskBus.VirtioBlk => "virtio-blk-pci",
                DiskBus.Ide => $"ide-hd,bus=ide.{unit / 2},unit={unit % 2}",
                DiskBus.Sata => $"ide-hd,bus=sata{unit / SataPortsPerController}.{unit % SataPortsPerController}",
                DiskBus.LsiLogic => $"scsi-hd,bus=lsilogic.0,channel=0,scsi-id={unit},lun=0",
                DiskBus.LsiSas => $"scsi-hd,bus=lsisas.0,channel=0,scsi-id={unit},lun=0",
                DiskBus.Pvscsi => $"scsi-hd,bus=pvscsi.0,channel=0,scsi-id={unit},lun=0",
                _ => $"scsi-hd,bus=virtioscsi.0,channel=0,scsi-id={unit},lun=0",
            }));
        }

        return devices;
    }
}
