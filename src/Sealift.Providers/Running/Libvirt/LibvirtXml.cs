using System.Xml;
using System.Xml.Linq;

namespace Sealift.Providers;

/// <summary>libvirt's XML: what it says, read so that it can neither reach outside nor exhaust anything, and what it is told.</summary>
internal static class LibvirtXml
{
    // A domain with hundreds of devices has a tenth of it.
    private const int MaxCharacters = 4 << 20;

    /// <summary>Reads what libvirt said.</summary>
    /// <exception cref="Posix.SealiftException">SL6413.</exception>
    public static XElement Parse(string text, string source, string command)
    {
        try
        {
            using var reader = XmlReader.Create(new StringReader(text), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = MaxCharacters });
            return XDocument.Load(reader).Root!;
        }
        catch (XmlException e)
        {
            throw ProviderErrors.BadLibvirtAnswer(source, $"{command}: {e.Message}");
        }
    }

    /// <summary>A backup job that shows disks over NBD. https://libvirt.org/formatbackup.html.</summary>
    /// <param name="socket">The Unix socket, on the machine's host.</param>
    /// <param name="all">Every disk of the domain, by its target: those that are not shown have to be named, too.</param>
    /// <param name="shown">Those that are shown.</param>
    public static string Backup(string socket, IEnumerable<string> all, IReadOnlyList<LibvirtPart> shown) => new XElement(
        "domainbackup",
        new XAttribute("mode", "pull"),
        new XElement("server", new XAttribute("transport", "unix"), new XAttribute("socket", socket)),
        new XElement("disks", all.Select(target => shown.FirstOrDefault(p => p.Target == target) is not { } part
            ? new XElement("disk", new XAttribute("name", target), new XAttribute("backup", "no"))
            : new XElement(
                "disk",
                new XAttribute("name", target),
                new XAttribute("backup", "yes"),
                new XAttribute("type", "file"),
                new XAttribute("backupmode", part.Since is null ? "full" : "incremental"),
                part.Since is null ? null : new XAttribute("incremental", part.Since),
                new XAttribute("exportname", part.Name),
                new XElement("scratch", new XAttribute("file", part.ScratchPath)))))).ToString(SaveOptions.DisableFormatting);

    /// <summary>A checkpoint: where a bitmap begins on each disk that can have one. https://libvirt.org/formatcheckpoint.html.</summary>
    public static string Checkpoint(string name, IEnumerable<string> all, IReadOnlyCollection<string> tracked) => new XElement(
        "domaincheckpoint",
        new XElement("name", name),
        new XElement("description", "Made by Sealift to follow a migration"),
        new XElement("disks", all.Select(t => new XElement("disk", new XAttribute("name", t), new XAttribute("checkpoint", tracked.Contains(t) ? "bitmap" : "no"))))).ToString(SaveOptions.DisableFormatting);
}

/// <summary>One disk of a backup job.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Target">Its target, such as <c>vda</c>.</param>
/// <param name="Name">The name of its export.</param>
/// <param name="ScratchPath">Where what the guest overwrites goes.</param>
/// <param name="Since">The checkpoint since which changes are shown; null for none.</param>
internal sealed record LibvirtPart(FrozenDisk Disk, string Target, string Name, string ScratchPath, string? Since);
