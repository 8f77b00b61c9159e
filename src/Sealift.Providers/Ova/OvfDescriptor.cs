using System.Globalization;
using System.Xml.Linq;

namespace Sealift.Providers.Ova;

/// <summary>A file that a package refers to.</summary>
internal sealed record OvfFile(string Id, string Href, long? SizeBytes, bool Gzip, string Line);

/// <summary>A virtual disk of a package. A null <paramref name="File"/> means blank.</summary>
internal sealed record OvfDisk(string Id, OvfFile? File, long? CapacityBytes, string Format, string Line);

/// <summary>A disk of a machine, on its controller.</summary>
internal sealed record OvfDrive(OvfDisk Disk, DiskBus Bus, string Address, string InstanceId);

/// <summary>A machine as an OVF descriptor (DSP0243) describes it: everything but the content of its disks.</summary>
/// <param name="Id">The identifier of its VirtualSystem.</param>
/// <param name="Name">Its name.</param>
/// <param name="Cpus">Virtual CPUs.</param>
/// <param name="MemoryBytes">Memory.</param>
/// <param name="Firmware">How it boots.</param>
/// <param name="SecureBoot">Whether secure boot is on.</param>
/// <param name="GuestHint">What it says about the guest.</param>
/// <param name="Drives">Its disks, as the firmware sees them.</param>
/// <param name="NetworkInterfaces">Its interfaces.</param>
/// <param name="Concerns">What the new machine will lack.</param>
/// <param name="Notes">What was decided.</param>
internal sealed record OvfDescriptor(
    string Id,
    string Name,
    int Cpus,
    long MemoryBytes,
    Firmware Firmware,
    bool SecureBoot,
    string GuestHint,
    IReadOnlyList<OvfDrive> Drives,
    IReadOnlyList<NetworkInterface> NetworkInterfaces,
    IReadOnlyList<string> Concerns,
    IReadOnlyList<string> Notes)
{
    private const int MaxNameLength = 255;

    /// <summary>Reads a descriptor.</summary>
    /// <param name="envelope">From <see cref="OvfXml.Load"/>.</param>
    /// <param name="source">How errors name it.</param>
    /// <param name="wanted">The name or id of the machine to take where there are several; null for the only one.</param>
    /// <exception cref="Posix.SealiftException">SL6204 to SL6210.</exception>
    public static OvfDescriptor Read(XElement envelope, string source, string? wanted)
    {
        var concerns = new List<string>();
        var notes = new List<string>();
        var configuration = DefaultConfiguration(envelope, notes);
        var files = Files(envelope, source);
        var disks = Disks(envelope, source, files);
        var system = Choose(envelope, source, wanted, notes);
        var hardware = Hardware(system, source, notes);
        var items = OvfItem.ReadAll(hardware, source, configuration);

        var name = system.Value("Name") is { Length: > 0 } given ? given : system.Ovf("id") ?? string.Empty;
        if (name.Length is 0 or > MaxNameLength) throw ProviderErrors.OvfField(source, system.Line(), "Name", $"it has {name.Length} characters", $"Give the machine a name of 1 to {MaxNameLength} characters in the descriptor");
        var config = Settings(hardware);
        var (cpus, memory) = (CpusOf(items, source, hardware, concerns), MemoryOf(items, source, hardware));
        var firmware = FirmwareOf(hardware, system, config, source);
        var drives = OvfDrives.Read(items, disks, files, source, concerns);
        var interfaces = OvfInterfaces.Read(items, system, source, concerns);
        OtherDevices(items, concerns);

        foreach (var disk in disks.Values.Where(d => drives.All(drive => drive.Disk.Id != d.Id)))
            concerns.Add($"The package's disk '{disk.Id}' is attached to no controller of this machine and is left out");
        if (system.Children("ProductSection").Any(p => p.Children("Property").Any()))
            concerns.Add("The source passes properties to the guest (vApp properties in its ProductSection); the new machine will not");
        if (firmware.Secure && config.Keys.All(k => k != "firmware")) notes.Add("The descriptor demands secure boot without naming UEFI; UEFI was taken");
        if (envelope.Descendants().Any(e => e.Name.LocalName == "BootOrderSection" && e.Name.Namespace == OvfXml.Vmware))
            BootOrder(system, drives, concerns);
        var os = system.Children("OperatingSystemSection").FirstOrDefault();
        var hint = os?.Attribute(OvfXml.Vmware + "osType")?.Value ?? os?.Elements().FirstOrDefault(e => e.Name.LocalName == "OSType")?.Value ?? os?.Value("Description") ?? string.Empty;
        return new OvfDescriptor(
            system.Ovf("id") ?? name, name, cpus, memory, firmware.Kind, firmware.Secure, hint.Length > MaxNameLength ? hint[..MaxNameLength] : hint, drives, interfaces, concerns, notes);
    }

    private static Dictionary<string, OvfFile> Files(XElement envelope, string source)
    {
        var files = new Dictionary<string, OvfFile>(StringComparer.Ordinal);
        foreach (var file in envelope.Children("References").Children("File"))
        {
            var id = Required(file, "id", source);
            var href = Required(file, "href", source);
            if (file.Ovf("chunkSize") is { } chunk) throw ProviderErrors.Chunked(source, file.Line(), href, chunk);
            if (href.Contains("://", StringComparison.Ordinal) || href.StartsWith("//", StringComparison.Ordinal)) throw ProviderErrors.OvfField(source, file.Line(), "File href", $"'{Shorten(href)}' is not a file of the package", "Download it beside the descriptor and refer to it by its name");
            long? size = null;
            if (file.Ovf("size") is { Length: > 0 } text)
                size = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : throw ProviderErrors.OvfField(source, file.Line(), "File size", $"'{Shorten(text)}' is not a number of bytes", "Correct it or remove it");
            var gzip = file.Ovf("compression") switch
            {
                null or "" or "identity" => false,
                "gzip" => true,
                var other => throw ProviderErrors.OvfField(source, file.Line(), "File compression", $"'{Shorten(other)}' is neither gzip nor identity", "Export the machine again without it"),
            };
            // Escaped where it is a URI, as it is where the writer did not care; the package is asked for both.
            if (!files.TryAdd(id, new OvfFile(id, href, size, gzip, file.Line()))) throw ProviderErrors.OvfField(source, file.Line(), "File id", $"'{Shorten(id)}' is there twice", "Export the machine again");
        }

        return files;
    }

    private static Dictionary<string, OvfDisk> Disks(XElement envelope, string source, Dictionary<string, OvfFile> files)
    {
        var disks = new Dictionary<string, OvfDisk>(StringComparer.Ordinal);
        foreach (var disk in envelope.Children("DiskSection").Children("Disk"))
        {
            var id = Required(disk, "diskId", source);
            if (disk.Ovf("parentRef") is { } parent) throw ProviderErrors.OvfField(source, disk.Line(), "Disk parentRef", $"disk '{Shorten(id)}' is a difference to '{Shorten(parent)}'", "Consolidate the source's snapshots and export it again");
            OvfFile? file = null;
            if (disk.Ovf("fileRef") is { Length: > 0 } reference && !files.TryGetValue(reference, out file))
                throw ProviderErrors.MissingReference(source, disk.Line(), $"Disk '{Shorten(id)}' names the file '{Shorten(reference)}'", "References");
            var quantity = Required(disk, "capacity", source);
            var units = disk.Ovf("capacityAllocationUnits") ?? string.Empty;
            if (!OvfUnits.TryBytes(quantity, units, out var capacity)) throw ProviderErrors.OvfField(source, disk.Line(), "Disk capacity", $"'{Shorten(quantity)}' of '{Shorten(units)}' is not a size", "Correct it (DSP0004 units, such as 'byte * 2^30')");
            if (capacity % 512 != 0) throw ProviderErrors.OvfField(source, disk.Line(), "Disk capacity", $"{capacity} bytes of disk '{Shorten(id)}' are not a multiple of 512", "Correct the descriptor: no disk has such a size");
            if (!disks.TryAdd(id, new OvfDisk(id, file, capacity, disk.Ovf("format") ?? string.Empty, disk.Line()))) throw ProviderErrors.OvfField(source, disk.Line(), "Disk diskId", $"'{Shorten(id)}' is there twice", "Export the machine again");
        }

        return disks;
    }

    private static XElement Choose(XElement envelope, string source, string? wanted, List<string> notes)
    {
        var systems = envelope.Children("VirtualSystem")
            .Concat(envelope.Children("VirtualSystemCollection").SelectMany(c => c.Descendants()).Where(e => e.Name.LocalName == "VirtualSystem" && e.Name.Namespace == envelope.Name.Namespace))
            .ToList();
        if (systems.Count == 0) throw ProviderErrors.OvfField(source, envelope.Line(), "VirtualSystem", "it describes no machine", "Export the machine again");
        if (systems.Count == 1) return systems[0];
        var chosen = systems.Where(s => wanted is not null && (s.Ovf("id") == wanted || s.Value("Name") == wanted)).ToList();
        if (chosen.Count != 1) throw ProviderErrors.SeveralMachines(source, systems.Select(s => Shorten(s.Value("Name") is { Length: > 0 } n ? n : s.Ovf("id") ?? "?")).ToList());
        notes.Add($"The package holds {systems.Count} machines; '{wanted}' was taken");
        return chosen[0];
    }

    private static XElement Hardware(XElement system, string source, List<string> notes)
    {
        var sections = system.Children("VirtualHardwareSection").ToList();
        if (sections.Count == 0) throw ProviderErrors.OvfField(source, system.Line(), "VirtualHardwareSection", "the machine has none", "Export the machine again");
        if (sections.Count > 1) notes.Add($"The descriptor offers {sections.Count} sets of virtual hardware; the first was taken");
        return sections[0];
    }

    private static string? DefaultConfiguration(XElement envelope, List<string> notes)
    {
        var all = envelope.Children("DeploymentOptionSection").Children("Configuration").ToList();
        var chosen = (all.FirstOrDefault(c => OvfXml.IsTrue(c.Ovf("default"))) ?? all.FirstOrDefault())?.Ovf("id");
        if (all.Count > 1) notes.Add($"The descriptor offers {all.Count} configurations; its default, '{chosen}', was taken");
        return chosen;
    }

    private static Dictionary<string, string> Settings(XElement hardware)
    {
        // The first one wins, as in VMware's reader; keys are compared without case because VMX keys are.
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var e in hardware.Elements().Where(e => e.Name == OvfXml.Vmware + "Config" || e.Name == OvfXml.Vmware + "ExtraConfig"))
            settings.TryAdd(e.Attribute(OvfXml.Vmware + "key")?.Value ?? string.Empty, e.Attribute(OvfXml.Vmware + "value")?.Value ?? string.Empty);
        return settings;
    }

    private static (Firmware Kind, bool Secure) FirmwareOf(XElement hardware, XElement system, Dictionary<string, string> config, string source)
    {
        var secure = OvfXml.IsTrue(config.GetValueOrDefault("bootOptions.efiSecureBootEnabled")) || OvfXml.IsTrue(config.GetValueOrDefault("uefi.secureBoot.enabled"))
            || hardware.Elements(OvfXml.Vmware + "BootOptions").Any(b => OvfXml.IsTrue(b.Attribute(OvfXml.Vmware + "efiSecureBootEnabled")?.Value));
        var virtualBox = system.Elements(OvfXml.VirtualBox + "Machine").Descendants().FirstOrDefault(e => e.Name.LocalName == "Firmware")?.Attribute("type")?.Value;
        var said = config.GetValueOrDefault("firmware") ?? virtualBox ?? string.Empty;
        return said.ToUpperInvariant() switch
        {
            "EFI" or "EFI32" or "EFI64" or "EFIDUAL" or "UEFI" => (Providers.Firmware.Uefi, secure),
            "" when secure => (Providers.Firmware.Uefi, true),
            "" or "BIOS" => secure ? throw ProviderErrors.OvfField(source, hardware.Line(), "firmware", "it demands secure boot with BIOS", "Pass --firmware to say which it is") : (Providers.Firmware.Bios, false),
            _ => throw ProviderErrors.OvfField(source, hardware.Line(), "firmware", $"'{Shorten(said)}' is neither bios nor efi", "Correct the descriptor"),
        };
    }

    private static int CpusOf(IReadOnlyList<OvfItem> items, string source, XElement hardware, List<string> concerns)
    {
        var item = items.FirstOrDefault(i => i.ResourceType == OvfItem.Processor) ?? throw ProviderErrors.OvfField(source, hardware.Line(), "processor", "the machine has no Item of ResourceType 3", "Export the machine again");
        var text = item.Element.Value("VirtualQuantity") ?? string.Empty;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var cpus) || cpus is < 1 or > MachineLimits.MaxCpus)
            throw ProviderErrors.OvfField(source, item.Line, "processor VirtualQuantity", $"'{Shorten(text)}' is not a number from 1 to {MachineLimits.MaxCpus}", "Correct the descriptor");
        var perSocket = item.Element.Element(OvfXml.Vmware + "CoresPerSocket")?.Value.Trim();
        if (perSocket is not null and not "1" && cpus > 1) concerns.Add($"The source groups its {cpus} CPUs as {Shorten(perSocket)} cores per socket; the new machine has {cpus} sockets of one core");
        return cpus;
    }

    private static long MemoryOf(IReadOnlyList<OvfItem> items, string source, XElement hardware)
    {
        var item = items.FirstOrDefault(i => i.ResourceType == OvfItem.Memory) ?? throw ProviderErrors.OvfField(source, hardware.Line(), "memory", "the machine has no Item of ResourceType 4", "Export the machine again");
        var (quantity, units) = (item.Element.Value("VirtualQuantity") ?? string.Empty, item.Element.Value("AllocationUnits") ?? "MegaBytes");
        if (!OvfUnits.TryBytes(quantity, units, out var bytes) || bytes is < MachineLimits.MinMemoryBytes or > MachineLimits.MaxMemoryBytes)
            throw ProviderErrors.OvfField(source, item.Line, "memory VirtualQuantity", $"'{Shorten(quantity)}' of '{Shorten(units)}' is not from 1 MiB to 64 TiB", "Correct the descriptor");
        return bytes;
    }

    private static void OtherDevices(IReadOnlyList<OvfItem> items, List<string> concerns)
    {
        foreach (var item in items)
        {
            var what = item.ResourceType switch
            {
                OvfItem.Floppy => "a floppy drive",
                OvfItem.CdDrive or OvfItem.DvdDrive => item.HostResources.Count > 0 ? "a CD/DVD drive with a medium" : "a CD/DVD drive",
                OvfItem.Serial => "a serial port",
                OvfItem.Parallel => "a parallel port",
                OvfItem.Sound or OvfItem.Other when item.SubType.Contains("sound", StringComparison.OrdinalIgnoreCase) || item.ResourceType == OvfItem.Sound => "a sound card",
                OvfItem.Other when item.SubType.Contains("vmci", StringComparison.OrdinalIgnoreCase) || item.SubType.Contains("keyboard", StringComparison.OrdinalIgnoreCase) || item.SubType.Contains("pointing", StringComparison.OrdinalIgnoreCase) => null,
                OvfItem.Processor or OvfItem.Memory or OvfItem.Ide or OvfItem.Scsi or OvfItem.OtherStorage or OvfItem.Ethernet or OvfItem.Disk or OvfItem.Usb or OvfItem.Graphics => null,
                _ => $"a device of ResourceType {item.ResourceType} '{Shorten(item.SubType)}'",
            };
            if (what is not null) concerns.Add($"The source has {what} ('{Shorten(item.ElementName)}'), which the new machine will not have");
        }
    }

    private static void BootOrder(XElement system, IReadOnlyList<OvfDrive> drives, List<string> concerns)
    {
        var first = system.Elements(OvfXml.Vmware + "BootOrderSection")
            .FirstOrDefault(b => b.Attribute(OvfXml.Vmware + "type")?.Value == "disk")?.Attribute(OvfXml.Vmware + "instanceId")?.Value;
        if (first is not null && drives.Count > 0 && drives[0].InstanceId != first)
            concerns.Add($"The source boots from the disk of Item {Shorten(first)}; the new machine tries its disks in their order");
    }

    private static string Required(XElement element, string attribute, string source) =>
        element.Ovf(attribute) is { Length: > 0 } value ? value : throw ProviderErrors.OvfField(source, element.Line(), $"{element.Name.LocalName} {attribute}", "it is missing", "Export the machine again");

    /// <summary>Text from outside, short enough for an error or a note.</summary>
    internal static string Shorten(string text)
    {
        var clean = new string([.. text.Take(80).Select(c => char.IsControl(c) ? '?' : c)]);
        return text.Length > 80 ? clean + "…" : clean;
    }
}

/// <summary>Lets <see cref="OvfXml.Children(XElement, string)"/> be chained.</summary>
file static class ElementSequence
{
    public static IEnumerable<XElement> Children(this IEnumerable<XElement> parents, string localName) => parents.SelectMany(p => p.Children(localName));
}
