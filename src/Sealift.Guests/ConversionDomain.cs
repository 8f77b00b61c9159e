using System.Globalization;
using System.Xml;
using Sealift.Disks;

namespace Sealift.Guests;

/// <summary>The libvirt domain XML that tells virt-v2v what it converts; https://libvirt.org/formatdomain.html.</summary>
internal static class ConversionDomain
{
    public static string Xml(ConversionRequest request)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("domain");
            xml.WriteAttributeString("type", "kvm");
            // virt-v2v uses the name in messages only; a character that XML cannot carry must not stop a conversion.
            xml.WriteElementString("name", GuestText.Name(request.MachineName) is { Length: > 0 } name ? name : "guest");
            xml.WriteStartElement("memory");
            xml.WriteAttributeString("unit", "b");
            xml.WriteString(request.MemoryBytes.ToString(CultureInfo.InvariantCulture));
            xml.WriteEndElement();
            xml.WriteElementString("vcpu", request.Cpus.ToString(CultureInfo.InvariantCulture));
            xml.WriteStartElement("os");
            if (request.Uefi) xml.WriteAttributeString("firmware", "efi");
            xml.WriteStartElement("type");
            xml.WriteAttributeString("arch", "x86_64");
            xml.WriteString("hvm");
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteStartElement("devices");
            for (var i = 0; i < request.Drives.Count; i++) WriteDisk(xml, request.Drives[i], i);
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        return text.ToString();
    }

    private static void WriteDisk(XmlWriter xml, GuestDrive drive, int index)
    {
        if (drive.ImagePath is not { } image || drive.NbdSocket is not null) throw GuestsErrors.DriveNotUsable(drive.Key, "a conversion writes to image files; give an overlay");
        var format = drive.Format switch
        {
            ImageFormat.Qcow2 => "qcow2",
            ImageFormat.Raw => "raw",
            _ => throw GuestsErrors.DriveNotUsable(drive.Key, $"format {drive.Format} cannot be converted in place"),
        };
        xml.WriteStartElement("disk");
        xml.WriteAttributeString("type", "file");
        xml.WriteAttributeString("device", "disk");
        xml.WriteStartElement("driver");
        xml.WriteAttributeString("name", "qemu");
        xml.WriteAttributeString("type", format);
        xml.WriteEndElement();
        xml.WriteStartElement("source");
        xml.WriteAttributeString("file", Path.GetFullPath(image));
        xml.WriteEndElement();
        xml.WriteStartElement("target");
        xml.WriteAttributeString("dev", DeviceName(index));
        xml.WriteAttributeString("bus", "scsi");
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    /// <summary>sda … sdz, sdaa …: the order of the disks is the order of their names.</summary>
    internal static string DeviceName(int index)
    {
        var letters = string.Empty;
        for (var i = index; i >= 0; i = (i / 26) - 1) letters = (char)('a' + (i % 26)) + letters;
        return "sd" + letters;
    }
}
