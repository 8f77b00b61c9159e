using System.Globalization;
using System.Text;
using System.Xml;
using Sealift.Disks;
using Sealift.Nbd;

namespace Sealift.Providers;

/// <summary>The libvirt domain of a target machine; https://libvirt.org/formatdomain.html.</summary>
/// <remarks>
/// Disks and firmware variables are named by absolute paths. The firmware itself is left to libvirt's own selection
/// (<c>firmware='efi'</c>), because every distribution keeps OVMF elsewhere. Boots from the disks in their order.
/// </remarks>
public static class DomainXml
{
    private const int SataPortsPerController = 6;

    /// <summary>Writes the domain. The same machine always gives the same text, its UUID included.</summary>
    /// <exception cref="Posix.SealiftException">SL6301 or SL6302: the target cannot be described.</exception>
    public static string Build(TargetMachine target)
    {
        ArgumentNullException.ThrowIfNull(target);
        target.Check();
        var text = new StringBuilder();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true, NewLineChars = "\n" }))
        {
            xml.WriteStartElement("domain");
            xml.WriteAttributeString("type", target.Kvm ? "kvm" : "qemu");
            xml.WriteElementString("name", target.Machine.FileName);
            xml.WriteElementString("uuid", target.Uuid.ToString("D"));
            xml.WriteElementString("title", Printable(target.Machine.Name));
            if (DescriptionOf(target) is { Length: > 0 } description) xml.WriteElementString("description", description);
            WriteMetadata(xml, target);
            Element(xml, "memory", Number(target.MemoryMebibytes * 1024), ("unit", "KiB"));
            xml.WriteElementString("vcpu", Number(target.Machine.Cpus));
            WriteBoot(xml, target);
            xml.WriteStartElement("cpu");
            xml.WriteAttributeString("mode", target.Kvm ? "host-passthrough" : "maximum");
            if (target.Machine.CoresPerSocket is > 0 and var cores) Element(xml, "topology", null, ("sockets", Number(target.Machine.Cpus / cores)), ("cores", Number(cores)), ("threads", "1"));
            xml.WriteEndElement();
            Element(xml, "clock", null, ("offset", target.GuestIsWindows ? "localtime" : "utc"));
            xml.WriteStartElement("devices");
            WriteDisks(xml, target);
            WriteInterfaces(xml, target);
            WriteOthers(xml, target);
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        return text.Append('\n').ToString();
    }

    /// <summary>What libvirt keeps for others: each in a namespace of its own (formatdomain, "General metadata").</summary>
    private static void WriteMetadata(XmlWriter xml, TargetMachine target)
    {
        const string Prefix = "sealift", Space = "urn:sealift:source:1";
        var tags = target.Machine.Tags;
        if (tags.Count == 0 && target.MigrationId is null) return;
        xml.WriteStartElement("metadata");
        if (target.MigrationId is { } migration)
        {
            xml.WriteStartElement(Prefix, TargetDomain.Mark, TargetDomain.MetadataNamespace);
            xml.WriteAttributeString("id", Printable(migration));
            xml.WriteEndElement();
        }

        if (tags.Count > 0)
        {
            xml.WriteStartElement(Prefix, "source", Space);
            foreach (var tag in tags)
            {
                xml.WriteStartElement(Prefix, "tag", Space);
                xml.WriteAttributeString("category", Printable(tag.Category));
                xml.WriteString(Printable(tag.Name));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static string DescriptionOf(TargetMachine target)
    {
        var networks = target.NetworkInterfaces.Any(n => n.Network.Length > 0)
            ? "Networks at the source: " + string.Join(", ", target.NetworkInterfaces.Select((n, i) => $"{target.MacOf(i)} on {(n.Network.Length == 0 ? "none named" : $"'{Printable(n.Network)}'")}"))
            : string.Empty;
        return string.Join(" | ", new[] { Printable(target.Machine.Description), networks }.Where(t => t.Length > 0));
    }

    /// <summary>What libvirt calls a disk within the domain: <c>vda</c>, <c>sdb</c>, <c>hdc</c>, <c>vdaa</c>.</summary>
    internal static string DeviceName(string prefix, int index)
    {
        var letters = string.Empty;
        for (var i = index; i >= 0; i = (i / 26) - 1) letters = (char)('a' + (i % 26)) + letters;
        return prefix + letters;
    }

    private static void WriteBoot(XmlWriter xml, TargetMachine target)
    {
        var uefi = target.Machine.Firmware == Firmware.Uefi;
        var secure = target.Machine.SecureBoot;
        xml.WriteStartElement("os");
        if (uefi) xml.WriteAttributeString("firmware", "efi");
        Element(xml, "type", "hvm", ("arch", "x86_64"), ("machine", target.NeedsIde ? "pc" : "q35"));
        if (uefi)
        {
            xml.WriteStartElement("firmware");
            Element(xml, "feature", null, ("enabled", secure ? "yes" : "no"), ("name", "enrolled-keys"));
            Element(xml, "feature", null, ("enabled", secure ? "yes" : "no"), ("name", "secure-boot"));
            xml.WriteEndElement();
            if (secure) Element(xml, "loader", null, ("secure", "yes"));
            xml.WriteElementString("nvram", Path.Combine(target.DirectoryPath, target.NvramFileName));
        }

        xml.WriteEndElement();
        xml.WriteStartElement("features");
        Element(xml, "acpi", null);
        Element(xml, "apic", null);
        if (secure) Element(xml, "smm", null, ("state", "on"));
        xml.WriteEndElement();
    }

    private static void WriteDisks(XmlWriter xml, TargetMachine target)
    {
        var counts = new Dictionary<DiskBus, int>();
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        var scsi = target.Disks.Select(d => d.Bus).Where(b => ScsiModel(b) is not null).Distinct().ToList();
        for (var i = 0; i < target.Disks.Count; i++)
        {
            var disk = target.Disks[i];
            var unit = counts.GetValueOrDefault(disk.Bus);
            counts[disk.Bus] = unit + 1;
            var (bus, prefix) = disk.Bus switch
            {
                DiskBus.VirtioBlk => ("virtio", "vd"),
                DiskBus.Ide => ("ide", "hd"),
                DiskBus.Sata => ("sata", "sd"),
                _ => ("scsi", "sd"),
            };
            var named = names.GetValueOrDefault(prefix);
            names[prefix] = named + 1;
            xml.WriteStartElement("disk");
            xml.WriteAttributeString("type", disk.Export is not null ? "network" : disk.DevicePath is null ? "file" : "block");
            xml.WriteAttributeString("device", "disk");
            Element(xml, "driver", null, ("name", "qemu"), ("type", disk.Format == ImageFormat.Qcow2 ? "qcow2" : "raw"), ("cache", "none"), ("discard", "unmap"));
            if (disk.Export is { } export) WriteExport(xml, export);
            else if (disk.DevicePath is { } device) Element(xml, "source", null, ("dev", Printable(device)));
            else Element(xml, "source", null, ("file", Path.Combine(target.DirectoryPath, disk.FileName)));
            Element(xml, "target", null, ("dev", DeviceName(prefix, named)), ("bus", bus));
            xml.WriteElementString("serial", disk.Key);
            Element(xml, "boot", null, ("order", Number(i + 1)));
            // Addresses are written out, because libvirt would derive them from names that SATA and SCSI share.
            (int Controller, int Bus, int Target, int Unit) address = disk.Bus switch
            {
                DiskBus.Ide => (0, unit / 2, 0, unit % 2),
                DiskBus.Sata => (unit / SataPortsPerController, 0, 0, unit % SataPortsPerController),
                DiskBus.LsiLogic => (scsi.IndexOf(disk.Bus), 0, 0, unit),
                _ => (scsi.IndexOf(disk.Bus), 0, unit, 0),
            };
            if (disk.Bus != DiskBus.VirtioBlk)
                Element(xml, "address", null, ("type", "drive"), ("controller", Number(address.Controller)), ("bus", Number(address.Bus)), ("target", Number(address.Target)), ("unit", Number(address.Unit)));
            xml.WriteEndElement();
        }

        for (var i = 0; i < scsi.Count; i++) Element(xml, "controller", null, ("type", "scsi"), ("index", Number(i)), ("model", ScsiModel(scsi[i])!));
        var sataControllers = (counts.GetValueOrDefault(DiskBus.Sata) + SataPortsPerController - 1) / SataPortsPerController;
        for (var i = 0; i < sataControllers; i++) Element(xml, "controller", null, ("type", "sata"), ("index", Number(i)));
    }

    private static void WriteExport(XmlWriter xml, NbdUri export)
    {
        xml.WriteStartElement("source");
        xml.WriteAttributeString("protocol", "nbd");
        if (export.ExportName.Length > 0) xml.WriteAttributeString("name", Printable(export.ExportName));
        if (export.SocketPath is { } socket) Element(xml, "host", null, ("transport", "unix"), ("socket", Printable(socket)));
        else Element(xml, "host", null, ("name", Printable(export.Host!)), ("port", Number(export.Port)));
        xml.WriteEndElement();
    }

    private static void WriteInterfaces(XmlWriter xml, TargetMachine target)
    {
        for (var i = 0; i < target.NetworkInterfaces.Count; i++)
        {
            xml.WriteStartElement("interface");
            var joins = target.NetworkInterfaces[i].Joins;
            const string Bridge = "bridge:";
            var kind = joins is null ? "user" : joins.StartsWith(Bridge, StringComparison.Ordinal) ? "bridge" : "network";
            xml.WriteAttributeString("type", kind);
            Element(xml, "mac", null, ("address", target.MacOf(i)));
            if (joins is not null) Element(xml, "source", null, (kind, Printable(kind == "bridge" ? joins[Bridge.Length..] : joins)));
            Element(xml, "model", null, ("type", target.NetworkInterfaces[i].Model switch
            {
                NicModel.E1000 => "e1000",
                NicModel.E1000e => "e1000e",
                NicModel.Vmxnet3 => "vmxnet3",
                NicModel.Pcnet => "pcnet",
                _ => "virtio",
            }));
            xml.WriteEndElement();
        }
    }

    private static void WriteOthers(XmlWriter xml, TargetMachine target)
    {
        Element(xml, "controller", null, ("type", "usb"), ("index", "0"), ("model", "qemu-xhci"));
        xml.WriteStartElement("serial");
        xml.WriteAttributeString("type", "pty");
        Element(xml, "target", null, ("port", "0"));
        xml.WriteEndElement();
        xml.WriteStartElement("console");
        xml.WriteAttributeString("type", "pty");
        Element(xml, "target", null, ("type", "serial"), ("port", "0"));
        xml.WriteEndElement();
        if (target.Converted)
        {
            xml.WriteStartElement("channel");
            xml.WriteAttributeString("type", "unix");
            Element(xml, "target", null, ("type", "virtio"), ("name", "org.qemu.guest_agent.0"));
            xml.WriteEndElement();
        }

        Element(xml, "input", null, ("type", "tablet"), ("bus", "usb"));
        Element(xml, "graphics", null, ("type", "vnc"), ("autoport", "yes"), ("listen", "127.0.0.1"));
        xml.WriteStartElement("video");
        Element(xml, "model", null, ("type", "vga"));
        xml.WriteEndElement();
        if (target.Converted)
        {
            xml.WriteStartElement("rng");
            xml.WriteAttributeString("model", "virtio");
            Element(xml, "backend", "/dev/urandom", ("model", "random"));
            xml.WriteEndElement();
        }

        // A guest that was not converted has no driver for it.
        Element(xml, "memballoon", null, ("model", target.Converted ? "virtio" : "none"));
    }

    private static string? ScsiModel(DiskBus bus) => bus switch
    {
        DiskBus.LsiLogic => "lsilogic",
        DiskBus.LsiSas => "lsisas1068",
        DiskBus.Pvscsi => "vmpvscsi",
        DiskBus.VirtioScsi => "virtio-scsi",
        _ => null,
    };

    private static void Element(XmlWriter xml, string name, string? content, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        xml.WriteStartElement(name);
        foreach (var (attribute, value) in attributes) xml.WriteAttributeString(attribute, value);
        if (content is not null) xml.WriteString(content);
        xml.WriteEndElement();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>libvirt refuses line breaks in titles, and XML most control characters and lone surrogates.</summary>
    private static string Printable(string text)
    {
        var kept = new StringBuilder();
        foreach (var rune in text.EnumerateRunes()) kept.Append(Rune.IsControl(rune) || rune.Value is 0xFFFE or 0xFFFF ? "?" : rune.ToString());
        return kept.ToString();
    }
}
