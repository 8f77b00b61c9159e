using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The rule for names that an image contains. A bare name beside a VMDK descriptor is part of the image; every other name could
/// mean any file of this host (the well-known attack: a guest's disk that names /etc/shadow), so it counts only below a directory
/// that the caller allowed, after all symbolic links were resolved.
/// </summary>
internal sealed class NamedFiles(ImageLocation image, string? allowedDirectory, bool allowsDevice = false)
{
    private const int LinkLimit = 40; // as the kernel's own, path_resolution(7)

    /// <summary>A backing file, data file or parent: only below the allowed directory.</summary>
    public string Other(string name, string field)
    {
        if (allowedDirectory is null) throw ImageErrors.NamesAnotherFile(image.ToString(), field, name);
        // qemu would take json:{…}, nbd:… and the like for more than a path.
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || (colon >= 0 && !name.AsSpan(0, colon).Contains('/')))
            throw ImageErrors.OutsideAllowed(image.ToString(), field, name, "it is no plain path");
        var directory = Path.GetDirectoryName(Path.GetFullPath(image.Path)) ?? "/";
        var resolved = Resolve(Path.Combine(directory, name), field, name);
        var allowed = Resolve(Path.GetFullPath(allowedDirectory), field, name);
        if (!resolved.StartsWith(allowed == "/" ? "/" : allowed + "/", StringComparison.Ordinal))
            throw ImageErrors.OutsideAllowed(image.ToString(), field, name, $"it leads to '{resolved}', which is not below '{allowed}'");
        var kind = FileFacts.OfPathIfExists(resolved)?.Kind;
        if (kind != FileKind.Regular && !(allowsDevice && kind == FileKind.BlockDevice)) throw ImageErrors.Missing(image.ToString(), field, resolved);
        return resolved;
    }

    /// <summary>
    /// An extent of a VMDK: a bare name beside the descriptor that is a regular file and no link, or else only below the allowed
    /// directory. qemu opens extents by name, relative to the descriptor, so the path returned is the one that it will open.
    /// </summary>
    public string Extent(string name, string field)
    {
        var bare = name.Length > 0 && name is not ("." or "..") && name.IndexOfAny(['/', '\\', ':', '\0']) < 0;
        if (image.LengthBytes is not null)
            throw ImageErrors.Unsupported(image.ToString(), field, $"it names the file '{ImageErrors.Printable(name)}', and a member of a container cannot", "Unpack the container and give the descriptor");
        if (!bare)
        {
            if (name.Contains(':', StringComparison.Ordinal)) throw ImageErrors.OutsideAllowed(image.ToString(), field, name, "it is no plain path");
            return Other(name, field);
        }

        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(image.Path)) ?? "/", name);
        var facts = FileFacts.OfPathIfExists(path);
        if (facts is { Kind: FileKind.SymbolicLink }) return Other(name, field);
        return facts is { Kind: FileKind.Regular } ? path : throw ImageErrors.Missing(image.ToString(), field, path);
    }

    private string Resolve(string path, string field, string name)
    {
        var rest = new Stack<string>(path.Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse());
        var done = "/";
        var links = 0;
        while (rest.TryPop(out var component))
        {
            if (component == ".") continue;
            if (component == "..")
            {
                done = Path.GetDirectoryName(done) ?? "/";
                continue;
            }

            var next = Path.Combine(done, component);
            string? target;
            try
            {
                target = new FileInfo(next).LinkTarget;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw ImageErrors.OutsideAllowed(image.ToString(), field, name, $"'{ImageErrors.Printable(next)}' cannot be looked at: {e.Message}");
            }

            if (target is null)
            {
                done = next;
                continue;
            }

            if (++links > LinkLimit) throw ImageErrors.OutsideAllowed(image.ToString(), field, name, "its symbolic links run in a circle");
            if (target.StartsWith('/')) done = "/";
            foreach (var part in target.Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse()) rest.Push(part);
        }

        return done;
    }
}
