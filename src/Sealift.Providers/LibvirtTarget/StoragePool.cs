using System.Xml.Linq;

namespace Sealift.Providers;

/// <summary>A storage pool of libvirt's whose volumes are files of a directory of its host. https://libvirt.org/formatstorage.html.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Uuid">Its UUID, which stays where it is renamed or defined anew under the same name by somebody else does not.</param>
/// <param name="Type">Its type: one of <see cref="SupportedTypes"/>.</param>
/// <param name="DirectoryPath">The directory, as an absolute path in its simplest form.</param>
public sealed record StoragePool(string Name, string Uuid, string Type, string DirectoryPath)
{
    /// <summary>The types whose volumes are files: a directory, a file system that the pool mounts, and one of a server.</summary>
    public static IReadOnlyList<string> SupportedTypes { get; } = ["dir", "fs", "netfs"];

    /// <summary>Reads what libvirt says of one.</summary>
    /// <param name="xml">What it says.</param>
    /// <param name="connection">Who says it.</param>
    /// <param name="isHere">Whether its directory is one of this host.</param>
    /// <exception cref="Posix.SealiftException">SL6604: it is of another type. SL6605: its directory is not there. SL6413: the answer makes no sense.</exception>
    internal static StoragePool Of(XElement xml, string connection, bool isHere = true)
    {
        var (name, uuid, type) = (xml.Element("name")?.Value.Trim(), xml.Element("uuid")?.Value.Trim(), xml.Attribute("type")?.Value);
        if (xml.Name != "pool" || string.IsNullOrEmpty(name) || string.IsNullOrEmpty(type) || !Guid.TryParse(uuid, out var id)) throw ProviderErrors.BadLibvirtAnswer(connection, "pool-dumpxml: it has no name, UUID or type");
        if (!SupportedTypes.Contains(type)) throw LibvirtTargetErrors.PoolType(name, type);
        var path = xml.Element("target")?.Element("path")?.Value.Trim() ?? string.Empty;
        if (!Path.IsPathFullyQualified(path)) throw LibvirtTargetErrors.PoolDirectory(name, path, "it is not an absolute path");
        path = Path.GetFullPath(path).TrimEnd('/');
        if (path.Length == 0 || path.Any(char.IsControl)) throw LibvirtTargetErrors.PoolDirectory(name, path, "it is the root, or has control characters");
        if (isHere && !Directory.Exists(path)) throw LibvirtTargetErrors.PoolDirectory(name, path, "there is no such directory on this host");
        return new StoragePool(name, id.ToString("D"), type, path);
    }
}
