using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>An ESXi host, reached by ssh, and the datastores that both it and this host see.</summary>
/// <param name="Uri">The host: <c>ssh://USER@HOST[:PORT]?keyfile=/PATH&amp;command=/PATH</c>.</param>
/// <param name="Datastores">Where they are.</param>
public sealed record EsxiHost(string Uri, IReadOnlyList<EsxiDatastore> Datastores)
{
    /// <summary>Reads what was given on the command line.</summary>
    /// <param name="uri">The host.</param>
    /// <param name="datastores">Each as <c>LOCALDIR=/vmfs/volumes/NAME</c>.</param>
    /// <exception cref="SealiftException">SL4291: that is no host; SL4292: that is no datastore.</exception>
    public static EsxiHost Parse(string uri, IReadOnlyList<string> datastores)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(datastores);
        _ = SshOf(uri); // only to see that it can be read
        return new EsxiHost(uri, [.. datastores.Select(EsxiDatastore.Parse)]);
    }

    /// <summary>What the names of a clone begin with that is to be a target.</summary>
    /// <param name="target">The path of the target.</param>
    public static string PrefixOf(string target) => $"{MadeFile.Prefix}{Path.GetFileNameWithoutExtension(target)}-";

    /// <summary>A clone that was planned earlier, known by the path of its bytes.</summary>
    /// <param name="path">That path, in one of the datastores.</param>
    /// <returns>Null where it lies in none of them, or is no such path.</returns>
    public MadeFile? CloneAt(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        const string Flat = "-flat.vmdk";
        if (!path.EndsWith(Flat, StringComparison.Ordinal) || Of(path) is not { } datastore) return null;
        var name = path[..^Flat.Length];
        return new MadeFile(EsxiCloneTransfer.ItsName, Uri, path, datastore.NameOf(name), [$"{name}.vmdk", $"{name}.permit", $"{name}.pid"]);
    }

    /// <summary>What reaches it.</summary>
    internal SshHost Ssh => SshOf(Uri);

    /// <summary>Finds the datastore that a path lies in: the one whose directory here is the longest.</summary>
    internal EsxiDatastore? Of(string path) => Datastores.Where(d => d.Has(path)).MaxBy(d => d.Directory.Length);

    /// <summary>Reads a host.</summary>
    internal static SshHost SshOf(string uri)
    {
        if (uri.Any(char.IsControl) || !System.Uri.TryCreate(uri, UriKind.Absolute, out var parsed) || parsed.Scheme != "ssh" || parsed.AbsolutePath is not ("" or "/") || parsed.Fragment.Length > 0)
            throw EsxiErrors.BadHost(uri, "it is not ssh://USER@HOST[:PORT]");
        return SshHost.Of(parsed, (said, isSecret) => EsxiErrors.BadHost(isSecret ? "an ssh URI" : uri, said));
    }
}

/// <summary>A datastore, as it is mounted here and as ESXi names it.</summary>
/// <param name="Directory">The directory here: a full path.</param>
/// <param name="There">The directory there: <c>/vmfs/volumes/NAME</c>.</param>
public sealed record EsxiDatastore(string Directory, string There)
{
    /// <summary>Reads <c>LOCALDIR=/vmfs/volumes/NAME</c>.</summary>
    /// <exception cref="SealiftException">SL4292.</exception>
    public static EsxiDatastore Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // A directory here may have an equals sign in its name; a datastore's begins behind the last one that a slash follows.
        var at = text.LastIndexOf("=/", StringComparison.Ordinal);
        if (at <= 0) throw EsxiErrors.BadDatastore(text, "it is not LOCALDIR=/vmfs/volumes/NAME");
        var (here, there) = (Path.GetFullPath(text[..at]).TrimEnd('/'), text[(at + 1)..].TrimEnd('/'));
        if (here.Length == 0) throw EsxiErrors.BadDatastore(text, "the whole of this host is no datastore");
        if (there.Length == 0 || there.Split('/').Skip(1).Any(part => part is "" or "." or "..")) throw EsxiErrors.BadDatastore(text, $"{there} is not a plain path from the root on");
        if (text.Any(char.IsControl)) throw EsxiErrors.BadDatastore(text, "it has control characters");
        return new EsxiDatastore(here, there);
    }

    /// <summary>Whether a path lies in it.</summary>
    internal bool Has(string path) => path.StartsWith(Directory + "/", StringComparison.Ordinal);

    /// <summary>What ESXi calls a path that lies in it.</summary>
    internal string NameOf(string path) => There + path[Directory.Length..];

    /// <summary>Why the path is not the same file there; null where it is, as far as names tell.</summary>
    internal string? WhyNotTheSame(string path)
    {
        if (path.Any(char.IsControl)) return $"{ImageErrors.Printable(path)} has control characters in its name";
        for (var part = path; part.Length > Directory.Length; part = Path.GetDirectoryName(part)!)
            // A link leads somewhere else here than there.
            if (FileFacts.OfPathIfExists(part) is { Kind: FileKind.SymbolicLink }) return $"{part} is a symbolic link";
        return null;
    }
}
