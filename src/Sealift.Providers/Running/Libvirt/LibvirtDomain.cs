using System.Globalization;
using System.Xml.Linq;
using Sealift.Disks;

namespace Sealift.Providers;

/// <summary>What libvirt's XML says of a domain. https://libvirt.org/formatdomain.html.</summary>
internal sealed class LibvirtDomain
{
    private readonly XElement domain;
    private readonly string source;

    public LibvirtDomain(XElement domain, string source)
    {
        (this.domain, this.source) = (domain, source);
        Disks = [.. Devices("disk").Where(IsWritable).Select(DiskOf).OrderBy(d => d.BootOrder)];
        AllTargets = [.. Devices("disk").Select(d => d.Element("target")?.Attribute("dev")?.Value).OfType<string>()];
        if (Disks.GroupBy(d => d.Target).FirstOrDefault(g => g.Count() > 1) is { } twice) throw ProviderErrors.BadLibvirtAnswer(source, $"two disks are called {twice.Key}");
    }

    /// <summary>The disks that can be written to, in the order in which the firmware tries them where libvirt says so.</summary>
    public IReadOnlyList<LibvirtDisk> Disks { get; }

    /// <summary>The targets of everything that is a disk to libvirt, CD drives included.</summary>
    public IReadOnlyList<string> AllTargets { get; }

    /// <summary>Why it cannot be followed; null where it can.</summary>
    public string? Obstacle =>
        Disks.Count == 0 ? "it has no disk that can be written to"
        : domain.Element("on_poweroff")?.Value is { } action and not "destroy" ? $"libvirt would not leave it off when it shuts down (on_poweroff is {action})"
        : Devices("disk").FirstOrDefault(d => d.Element("shareable") is not null) is { } shared ? $"its disk {Target(shared)} is shared with other machines, which may write to it"
        : Devices("disk").FirstOrDefault(d => d.Element("transient") is not null) is { } transient ? $"its disk {Target(transient)} is transient: what is written to it is lost when it shuts down"
        : Devices("disk").FirstOrDefault(d => d.Attribute("device")?.Value == "lun") is { } lun ? $"its disk {Target(lun)} is passed through as a SCSI device, which cannot be read at a point in time"
        : null;

    /// <summary>User and group that its QEMU runs as; null where libvirt does not say, or it runs as who asks.</summary>
    public (int User, int Group)? Owner
    {
        get
        {
            var label = domain.Elements("seclabel").FirstOrDefault(s => s.Attribute("model")?.Value == "dac")?.Element("label")?.Value.Split(':');
            return label is [var user, var group] && Id(user) is { } u && Id(group) is { } g ? (u, g) : null;

            static int? Id(string text) => int.TryParse(text.TrimStart('+'), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
        }
    }

    /// <summary>Whether its guest agent has connected.</summary>
    public bool HasAgent => Devices("channel").Select(c => c.Element("target")).Any(t => t?.Attribute("name")?.Value == "org.qemu.guest_agent.0" && t.Attribute("state")?.Value == "connected");

    /// <summary>The machine; disks without their lengths.</summary>
    public VirtualMachine Machine(Func<LibvirtDisk, (long LengthBytes, long AllocatedBytes)> sizeOf) => new()
    {
        Name = Required("name"),
        Cpus = (int)Math.Clamp(Number(domain.Element("vcpu")?.Attribute("current")?.Value ?? Required("vcpu"), "vcpu"), 1, int.MaxValue),
        MemoryBytes = MemoryOf(domain.Element("memory")),
        Firmware = IsUefi ? Firmware.Uefi : Firmware.Bios,
        SecureBoot = domain.Element("os")?.Element("loader")?.Attribute("secure")?.Value == "yes",
        NetworkInterfaces = [.. Devices("interface").Select(InterfaceOf)],
        Disks = [.. Disks.Select((d, i) => new SourceDisk(
            string.Create(CultureInfo.InvariantCulture, $"disk{i + 1}"),
            d.Target,
            new ImageReference(new ImageLocation($"{d.File} ({d.Target} of {source})"), ImageFormat.Raw, string.Empty, sizeOf(d).LengthBytes, Math.Min(sizeOf(d).LengthBytes, sizeOf(d).AllocatedBytes), null, []),
            d.Bus,
            string.Empty))],
    };

    private bool IsUefi => domain.Element("os") is { } os && (os.Attribute("firmware")?.Value == "efi" || os.Element("loader")?.Attribute("type")?.Value == "pflash");

    private IEnumerable<XElement> Devices(string kind) => domain.Element("devices")?.Elements(kind) ?? [];

    private static bool IsWritable(XElement disk) => disk.Attribute("device")?.Value is null or "disk" or "lun" && disk.Element("readonly") is null;

    private string Target(XElement disk) => disk.Element("target")?.Attribute("dev")?.Value is { Length: > 0 } target ? target : throw ProviderErrors.BadLibvirtAnswer(source, "a disk has no target");

    private LibvirtDisk DiskOf(XElement disk)
    {
        var place = disk.Element("source");
        var file = place?.Attribute("file")?.Value ?? place?.Attribute("dev")?.Value ?? (place?.Attribute("volume") is { } volume ? $"{place.Attribute("pool")?.Value}/{volume.Value}" : place?.Attribute("name")?.Value) ?? "a disk without a name";
        var format = disk.Element("driver")?.Attribute("type")?.Value ?? "raw";
        return new LibvirtDisk(Target(disk), file, format, BusOf(disk), int.TryParse(disk.Element("boot")?.Attribute("order")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var order) ? order : int.MaxValue);
    }

    private DiskBus BusOf(XElement disk) => disk.Element("target")?.Attribute("bus")?.Value switch
    {
        "virtio" => DiskBus.VirtioBlk,
        "ide" => DiskBus.Ide,
        "scsi" => ScsiOf(disk),
        _ => DiskBus.Sata,
    };

    private DiskBus ScsiOf(XElement disk)
    {
        var number = disk.Element("address")?.Attribute("controller")?.Value ?? "0";
        return Devices("controller").FirstOrDefault(c => c.Attribute("type")?.Value == "scsi" && (c.Attribute("index")?.Value ?? "0") == number)?.Attribute("model")?.Value switch
        {
            "lsilogic" or "auto" => DiskBus.LsiLogic,
            "lsisas1068" or "lsisas1078" => DiskBus.LsiSas,
            "vmpvscsi" => DiskBus.Pvscsi,
            _ => DiskBus.VirtioScsi,
        };
    }

    private static NetworkInterface InterfaceOf(XElement device)
    {
        var place = device.Element("source");
        return new NetworkInterface(
            device.Element("model")?.Attribute("type")?.Value switch
            {
                "e1000" => NicModel.E1000,
                "e1000e" => NicModel.E1000e,
                "vmxnet3" => NicModel.Vmxnet3,
                "pcnet" => NicModel.Pcnet,
                _ => NicModel.Virtio,
            },
            device.Element("mac")?.Attribute("address")?.Value,
            place?.Attribute("network")?.Value ?? place?.Attribute("bridge")?.Value ?? place?.Attribute("dev")?.Value ?? string.Empty);
    }

    private long MemoryOf(XElement? memory)
    {
        var unit = memory?.Attribute("unit")?.Value switch
        {
            null or "KiB" or "k" => 1L << 10,
            "b" or "bytes" => 1L,
            "MiB" or "M" => 1L << 20,
            "GiB" or "G" => 1L << 30,
            var other => throw ProviderErrors.BadLibvirtAnswer(source, $"memory in {other}"),
        };
        var number = Number(memory?.Value ?? string.Empty, "memory");
        return number <= long.MaxValue / unit ? number * unit : throw ProviderErrors.BadLibvirtAnswer(source, "memory");
    }

    private string Required(string element) => domain.Element(element)?.Value is { Length: > 0 } value ? value : throw ProviderErrors.BadLibvirtAnswer(source, $"it has no {element}");

    private long Number(string text, string what) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw ProviderErrors.BadLibvirtAnswer(source, what);
}

/// <summary>A disk of a domain.</summary>
/// <param name="Target">Its target, such as <c>vda</c>: unique in the domain.</param>
/// <param name="File">The file, device or volume that it is on.</param>
/// <param name="Format">The image's format, as <c>raw</c> or <c>qcow2</c>.</param>
/// <param name="Bus">The controller.</param>
/// <param name="BootOrder">Its place in the boot order; the greatest number where it has none.</param>
internal sealed record LibvirtDisk(string Target, string File, string Format, DiskBus Bus, int BootOrder)
{
    /// <summary>Why changes on it cannot be recorded; null where they can.</summary>
    public string? Untracked => Format == "qcow2" ? null : $"it is {Format}, and libvirt records changes of qcow2 disks only";
}
