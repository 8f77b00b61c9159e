using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>
/// The files that Sealift makes for one migration. A path is journaled before the file is made and its identity (device and
/// inode) after; so whatever a crash leaves behind is known, and nothing else is ever removed.
/// </summary>
internal sealed class Artefacts(Journal journal, string id, string workDirectory)
{
    public const string WorkDirectory = "work-directory", ScratchDirectory = "scratch-directory", Disk = "disk", ClonedDisk = "cloned-disk", Clone = "clone", BlockMap = "block-map", Overlay = "overlay",
        Domain = "domain", StartScript = "start-script", Seal = "seal", Page = "seal-page", Paper = "paper", TargetDirectory = "target-directory",
        ReplacedDirectory = "replaced-directory", Replaced = "replaced", FileChanges = "file-changes", DefinedDomain = "defined-domain", OverwrittenDevice = "overwritten-device",
        FarVolume = "far-volume", FarDirectory = "far-directory", SocketDirectory = "socket-directory";

    /// <summary>Whether what bears a name of this kind is no file that was made: it is never removed as one.</summary>
    public static bool IsNoFile(string kind) => kind is DefinedDomain or OverwrittenDevice or FarVolume or FarDirectory;

    /// <summary>Makes way for a file that is to be made anew: what an earlier run left of it is removed, and the path is journaled.</summary>
    /// <exception cref="SealiftException">SL7206: something else is there.</exception>
    public void Claim(string path, string kind)
    {
        if (!Remove(path)) throw MigrationErrors.FileReplaced(path);
        journal.Claim(id, path, kind);
    }

    /// <summary>Records the identity of a file that was just made.</summary>
    public void Own(string path, string kind) => journal.Own(id, path, kind, FileFacts.OfPath(path, followLinks: false));

    /// <summary>Makes a directory of ours; it may be there from an earlier run.</summary>
    public void OwnDirectory(string path, string kind, int permissions)
    {
        if (Find(path) is { Inode: not 0 } && FileFacts.OfPathIfExists(path) is { Kind: FileKind.Directory })
        {
            Verify(path);
            return;
        }

        var existing = FileFacts.OfPathIfExists(path);
        // Between mkdir and the record of its identity a crash leaves an empty directory under a name that was journaled before.
        if (existing is not null && Find(path) is null) throw MigrationErrors.FileReplaced(path);
        if (existing is not null && existing.Kind != FileKind.Directory) throw MigrationErrors.FileReplaced(path);
        journal.Claim(id, path, kind);
        if (existing is null) PosixPath.CreateDirectory(path, permissions);
        Own(path, kind);
    }

    /// <summary>Throws unless a file is still the one that was made.</summary>
    /// <exception cref="SealiftException">SL7206.</exception>
    public void Verify(string path)
    {
        if (!IsOurs(path)) throw MigrationErrors.FileReplaced(path);
    }

    public bool IsOurs(string path) =>
        Find(path) is { Inode: not 0 } record && FileFacts.OfPathIfExists(path) is { } facts && facts.Device == record.Device && facts.Inode == record.Inode;

    /// <summary>Removes a file if it is ours, and forgets it.</summary>
    /// <returns>False where something is there that is not ours; it stays, and so does the record.</returns>
    public bool Remove(string path)
    {
        var record = Find(path);
        var facts = FileFacts.OfPathIfExists(path);
        if (facts is not null)
        {
            if (record is null) return false;
            // Identity 0: killed between the making and its record. Only inside our own private directory is the name proof enough.
            var ours = record.Inode == 0 ? IsInWorkDirectory(path) : facts.Device == record.Device && facts.Inode == record.Inode;
            if (!ours) return false;
            if (facts.Kind == FileKind.Directory)
            {
                // A scratch directory holds what was made by us, or by tools that were pointed at it.
                if (record.Kind is ScratchDirectory or SocketDirectory) PosixTree.Remove(path);
                else if (PosixPath.List(path).Count > 0 || !PosixPath.RemoveDirectory(path)) return false;
            }
            else if (!PosixPath.RemoveFile(path)) return false;
        }

        if (record is not null)
        {
            // Not before its name is gone for good: after a power cut it would be there again, and nobody would know whose it is.
            var parent = Path.GetDirectoryName(path)!;
            if (FileFacts.OfPathIfExists(parent) is not null) PosixPath.SyncDirectory(parent);
            journal.Disown(id, path);
        }

        return true;
    }

    public ArtefactRecord? Find(string path) => journal.Artefacts(id).FirstOrDefault(a => a.Path == path);

    private bool IsInWorkDirectory(string path) => path == workDirectory || path.StartsWith(workDirectory + "/", StringComparison.Ordinal);
}
