using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Ova;

/// <summary>The files of an OVF package by name: members of an archive, or files of a directory.</summary>
internal abstract class Package
{
    /// <summary>How errors name it.</summary>
    public abstract string Name { get; }

    /// <summary>The normalised name of the OVF descriptor.</summary>
    public abstract string DescriptorName { get; }

    /// <summary>The normalised name of the manifest; null where there is none.</summary>
    public abstract string? ManifestName { get; }

    /// <summary>Whether a certificate lies beside the manifest.</summary>
    public abstract bool HasCertificate { get; }

    /// <summary>A file by its normalised name; null where the package has none of that name.</summary>
    /// <exception cref="SealiftException">SL6102: it is there, but is not a regular file.</exception>
    public abstract ImageLocation? Find(string name);

    /// <summary>Reads a small file completely.</summary>
    /// <exception cref="SealiftException">SL6105: it is larger than the limit.</exception>
    public byte[] ReadSmall(string name, int maxBytes)
    {
        var where = Find(name) ?? throw ProviderErrors.MissingFile(Name, name, "the package");
        using var file = PosixFile.Open(where.Path, OpenMode.Read);
        var lengthBytes = Unpacking.LengthOf(file, where);
        if (lengthBytes > maxBytes) throw ProviderErrors.TooLarge(Name, name, lengthBytes, maxBytes);
        var content = new byte[lengthBytes];
        file.ReadExactlyAt(content, where.Offset);
        return content;
    }
}

/// <summary>A package in one uncompressed tar archive.</summary>
internal sealed class TarPackage : Package
{
    private readonly string path;
    private readonly Dictionary<string, TarMember> members;

    /// <param name="path">The archive.</param>
    /// <param name="name">What the user calls it: the compressed file where this one was unpacked from it.</param>
    /// <param name="members">Its members.</param>
    public TarPackage(string path, string name, IReadOnlyList<TarMember> members)
    {
        this.path = path;
        Name = name;
        this.members = members.ToDictionary(m => m.Name, StringComparer.Ordinal);
        DescriptorName = The(".ovf") ?? throw ProviderErrors.NoDescriptor(name, "no member's name ends in .ovf");
        ManifestName = The(".mf");
        HasCertificate = members.Any(m => m.Name.EndsWith(".cert", StringComparison.OrdinalIgnoreCase));
    }

    public override string Name { get; }

    public override string DescriptorName { get; }

    public override string? ManifestName { get; }

    public override bool HasCertificate { get; }

    public override ImageLocation? Find(string name) =>
        members.TryGetValue(name, out var member) ? new ImageLocation(path, member.Offset, member.LengthBytes) : null;

    private string? The(string extension)
    {
        var found = members.Keys.Where(n => n.EndsWith(extension, StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).ToList();
        return found.Count > 1 ? throw ProviderErrors.SeveralDescriptors(Name, extension, found) : found.FirstOrDefault();
    }
}

/// <summary>A package as files of a directory, with its descriptor.</summary>
internal sealed class DirectoryPackage : Package
{
    private readonly string directory;

    public DirectoryPackage(string descriptorPath)
    {
        directory = Path.GetDirectoryName(Path.GetFullPath(descriptorPath)) ?? "/";
        Name = descriptorPath;
        DescriptorName = Path.GetFileName(descriptorPath);
        ManifestName = Beside(".mf");
        HasCertificate = Beside(".cert") is not null;
    }

    public override string Name { get; }

    public override string DescriptorName { get; }

    public override string? ManifestName { get; }

    public override bool HasCertificate { get; }

    public override ImageLocation? Find(string name)
    {
        // No component may be a link: a package from outside does not choose which other files of this host are read.
        var path = directory;
        var parts = name.Split('/');
        for (var i = 0; i < parts.Length; i++)
        {
            path = Path.Combine(path, parts[i]);
            if (FileFacts.OfPathIfExists(path) is not { } facts) return null;
            var wanted = i == parts.Length - 1 ? FileKind.Regular : FileKind.Directory;
            if (facts.Kind != wanted) throw ProviderErrors.NotRegular(path, facts.Kind);
        }

        return new ImageLocation(path);
    }

    private string? Beside(string extension)
    {
        var name = Path.GetFileNameWithoutExtension(DescriptorName) + extension;
        return FileFacts.OfPathIfExists(Path.Combine(directory, name)) is null ? null : name;
    }
}
