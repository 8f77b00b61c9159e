namespace Sealift.VSphere;

/// <summary>Where a file of a datastore is, as the API writes it: <c>[datastore] folder/name.vmdk</c>.</summary>
/// <param name="Datastore">The datastore's name.</param>
/// <param name="File">The path on it, by slashes.</param>
public sealed record DatastorePath(string Datastore, string File)
{
    /// <summary>The folder that the file is in; empty for the datastore's own.</summary>
    public string Folder => File.LastIndexOf('/') is > 0 and var slash ? File[..slash] : string.Empty;

    /// <summary>The file's name without its folder.</summary>
    public string Name => File[(File.LastIndexOf('/') + 1)..];

    /// <summary>Reads one.</summary>
    /// <param name="text">Such as a disk's <see cref="VirtualDisk.File"/>.</param>
    /// <returns>Null where it is none, or leads out of its datastore.</returns>
    public static DatastorePath? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.StartsWith('[') || text.IndexOf("] ", StringComparison.Ordinal) is not (> 1 and var close)) return null;
        var file = text[(close + 2)..];
        return file.Length == 0 || file.Any(char.IsControl) || file.Split('/').Any(part => part is "" or "." or "..") ? null : new DatastorePath(text[1..close], file);
    }

    /// <summary>A file in the same folder.</summary>
    /// <param name="name">Its name, without a folder.</param>
    public DatastorePath Beside(string name) => this with { File = Folder.Length == 0 ? name : $"{Folder}/{name}" };

    /// <inheritdoc/>
    public override string ToString() => $"[{Datastore}] {File}";
}
