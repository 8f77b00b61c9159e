using System.Globalization;

namespace Sealift.Providers.Ova;

/// <summary>The disks of a machine in the order in which its firmware sees them, each bound to its Disk by identity.</summary>
internal static class OvfDrives
{
    private sealed record Controller(OvfItem Item, DiskBus Bus, string Kind, int Number);

    public static IReadOnlyList<OvfDrive> Read(
        IReadOnlyList<OvfItem> items, Dictionary<string, OvfDisk> disks, Dictionary<string, OvfFile> files, string source, List<string> concerns)
    {
        var diskItems = items.Where(i => i.ResourceType == OvfItem.Disk).ToList();
        var controllers = Controllers(items, [.. diskItems.Select(d => d.Parent).OfType<string>()], concerns);
        var drives = new List<(OvfItem Item, Controller Controller, OvfDisk Disk)>();
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in diskItems)
        {
            var disk = DiskOf(item, disks, files, source);
            if (!used.Add(disk.Id)) throw ProviderErrors.OvfField(source, item.Line, "HostResource", $"disk '{OvfDescriptor.Shorten(disk.Id)}' is attached twice", "Export the machine again");
            var controller = controllers.FirstOrDefault(c => c.Item.InstanceId == item.Parent)
                ?? throw ProviderErrors.MissingReference(source, item.Line, $"the disk item '{OvfDescriptor.Shorten(item.ElementName)}' names the controller '{OvfDescriptor.Shorten(item.Parent ?? string.Empty)}'", "controllers");
            drives.Add((item, controller, disk));
        }

        // Controllers as they first appear by kind, then by number; VMware lists SCSI before IDE and VirtualBox IDE before SATA,
        // each as its firmware looks for disks. Sorting is stable, so items without an address keep the document's order.
        var kinds = controllers.Select(c => c.Kind).Distinct().ToList();
        return
        [
            .. drives
                .OrderBy(d => kinds.IndexOf(d.Controller.Kind))
                .ThenBy(d => d.Controller.Number)
                .ThenBy(d => d.Item.AddressOnParent ?? int.MaxValue)
                .Select(d => new OvfDrive(
                    d.Disk,
                    d.Controller.Bus,
                    string.Create(CultureInfo.InvariantCulture, $"{d.Controller.Kind}{d.Controller.Number}:{d.Item.AddressOnParent?.ToString(CultureInfo.InvariantCulture) ?? "?"}"),
                    d.Item.InstanceId)),
        ];
    }

    private static List<Controller> Controllers(IReadOnlyList<OvfItem> items, HashSet<string> withDisks, List<string> concerns)
    {
        var found = new List<Controller>();
        foreach (var item in items)
        {
            var subType = item.SubType.ToUpperInvariant();
            // The subtype may be a list of alternatives, the first preferred.
            var first = subType.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? string.Empty;
            (DiskBus Bus, string Kind, bool Known)? bus = item.ResourceType switch
            {
                OvfItem.Ide => (DiskBus.Ide, "ide", true),
                OvfItem.Scsi => first switch
                {
                    "LSILOGIC" => (DiskBus.LsiLogic, "scsi", true),
                    "LSILOGICSAS" => (DiskBus.LsiSas, "scsi", true),
                    "VIRTUALSCSI" or "PVSCSI" => (DiskBus.Pvscsi, "scsi", true),
                    "VIRTIO-SCSI" or "VIRTIOSCSI" => (DiskBus.VirtioScsi, "scsi", true),
                    _ => (DiskBus.LsiLogic, "scsi", false),
                },
                OvfItem.OtherStorage when subType.Contains("NVME", StringComparison.Ordinal) => (DiskBus.Nvme, "nvme", true),
                OvfItem.OtherStorage when subType.Contains("AHCI", StringComparison.Ordinal) || subType.Contains("SATA", StringComparison.Ordinal) => (DiskBus.Sata, "sata", true),
                OvfItem.OtherStorage when subType.Contains("LSILOGICSAS", StringComparison.Ordinal) => (DiskBus.LsiSas, "scsi", true),
                OvfItem.OtherStorage when subType.Contains("VIRTIO-SCSI", StringComparison.Ordinal) || subType.Contains("VIRTIOSCSI", StringComparison.Ordinal) => (DiskBus.VirtioScsi, "scsi", true),
                OvfItem.OtherStorage => (DiskBus.Sata, "sata", false),
                _ => null,
            };
            if (bus is not { } b) continue;
            if (!b.Known && withDisks.Contains(item.InstanceId))
                concerns.Add($"The source's controller '{OvfDescriptor.Shorten(item.ElementName)}' ({(subType.Length == 0 ? "no subtype" : OvfDescriptor.Shorten(item.SubType))}) is treated as {b.Bus}");
            found.Add(new Controller(item, b.Bus, b.Kind, item.Address ?? found.Count(c => c.Kind == b.Kind)));
        }

        return found;
    }

    private static OvfDisk DiskOf(OvfItem item, Dictionary<string, OvfDisk> disks, Dictionary<string, OvfFile> files, string source)
    {
        if (item.HostResources.Count != 1) throw ProviderErrors.OvfField(source, item.Line, "HostResource", $"the disk item '{OvfDescriptor.Shorten(item.ElementName)}' has {item.HostResources.Count} of them", "A disk that is mapped to a device of the source's host (RDM, passthrough) is not in the package: migrate its content separately");
        var resource = item.HostResources[0];
        var path = resource.StartsWith("ovf:", StringComparison.Ordinal) ? resource[4..] : resource;
        if (After(path, "/disk/") is { } diskId)
            return disks.GetValueOrDefault(diskId) ?? throw ProviderErrors.MissingReference(source, item.Line, $"the disk item '{OvfDescriptor.Shorten(item.ElementName)}' names '{OvfDescriptor.Shorten(resource)}'", "DiskSection");
        if (After(path, "/file/") is { } fileId)
            return files.TryGetValue(fileId, out var file)
                ? new OvfDisk(fileId, file, null, string.Empty, item.Line)
                : throw ProviderErrors.MissingReference(source, item.Line, $"the disk item '{OvfDescriptor.Shorten(item.ElementName)}' names '{OvfDescriptor.Shorten(resource)}'", "References");
        throw ProviderErrors.OvfField(source, item.Line, "HostResource", $"'{OvfDescriptor.Shorten(resource)}' is neither ovf:/disk/ID nor ovf:/file/ID", "Export the machine again");
    }

    private static string? After(string text, string prefix)
    {
        // Some writers put two slashes behind the scheme.
        var rest = text.StartsWith("//", StringComparison.Ordinal) ? text[1..] : text;
        return rest.StartsWith(prefix, StringComparison.Ordinal) && rest.Length > prefix.Length ? rest[prefix.Length..] : null;
    }
}
