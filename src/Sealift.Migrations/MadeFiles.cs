using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>
/// The file that storage makes to be a disk of the target, in the journal: every name before anything is made, and the disk under its own
/// name only once it has it. All of it lies in the work directory.
/// </summary>
internal sealed class MadeFiles(MigrationContext context, string disk) : IMadeFileKeeper
{
    /// <summary>Whether the copied disk was made by the storage, and not begun by the copy engine.</summary>
    public bool IsTarget => context.Files.IsOurs(context.DiskPath(disk)) && context.Files.Find(context.DiskPath(disk)) is { Kind: Artefacts.ClonedDisk };

    /// <inheritdoc/>
    public void Planned(MadeFile file)
    {
        foreach (var path in file.All) context.Files.Claim(path, Artefacts.Clone);
    }

    /// <inheritdoc/>
    public void Adopt(MadeFile file)
    {
        var path = context.DiskPath(disk);
        context.Files.Claim(path, Artefacts.ClonedDisk); // which removes the empty one
        PosixPath.Rename(file.Path, path, replace: false);
        context.Files.Own(path, Artefacts.ClonedDisk);
    }

    /// <inheritdoc/>
    public void Gone(MadeFile file)
    {
        foreach (var path in file.All)
            if (!context.Files.Remove(path)) throw MigrationErrors.FileReplaced(path);
    }

    /// <summary>Sees that nobody works any more on what an earlier run asked the storage to make for this disk. If nothing was copied by then, the disk is begun anew.</summary>
    /// <exception cref="SealiftException">SL4293: it cannot be said.</exception>
    public async Task TakeBackAsync(CancellationToken cancel)
    {
        var prefix = EsxiHost.PrefixOf(context.DiskPath(disk));
        var earlier = In(context.Request, context.Journal.Artefacts(context.Id)).Where(f => Path.GetFileName(f.Path).StartsWith(prefix, StringComparison.Ordinal)).ToList();
        foreach (var file in earlier)
        {
            await Offload.TakeBackAsync(file, cancel);
            Gone(file);
        }

        if (earlier.Count == 0 || CopyTargets.CanGoOn(context, disk)) return;
        foreach (var path in new[] { context.SourceMapPath(disk), context.DiskPath(disk) })
            if (!context.Files.Remove(path)) throw MigrationErrors.FileReplaced(path);
    }

    /// <summary>Sees that nobody works any more on anything that a migration asked storage to make.</summary>
    /// <returns>Why that cannot be said, for each of which it cannot.</returns>
    public static async Task<IReadOnlyList<string>> EndAllAsync(MigrationRequest request, IReadOnlyList<ArtefactRecord> artefacts)
    {
        var left = new List<string>();
        foreach (var file in In(request, artefacts))
            if (await Offload.EndAsync(file, CancellationToken.None) is { } why) left.Add($"{file.There} at {file.Host}: {why}");
        return left;
    }

    private static IEnumerable<MadeFile> In(MigrationRequest request, IEnumerable<ArtefactRecord> artefacts) =>
        request.Transfer.Esxi is not { } esxi ? [] : artefacts.Where(a => a.Kind == Artefacts.Clone).Select(a => esxi.CloneAt(a.Path)).OfType<MadeFile>();
}
