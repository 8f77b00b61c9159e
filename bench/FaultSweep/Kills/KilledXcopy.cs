using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary><c>sealift copy --transfer xcopy</c> between two units of an array, which goes on when sealift dies.</summary>
/// <param name="Sealift">Path of the command.</param>
/// <param name="SourceUri">The unit that is copied.</param>
/// <param name="SourceFile">The file that is that unit.</param>
/// <param name="TargetUri">The unit that is overwritten.</param>
/// <param name="TargetFile">The file that is that unit.</param>
public sealed record KilledXcopy(string Sealift, string SourceUri, string SourceFile, string TargetUri, string TargetFile) : KilledCommand("sealift copy --transfer xcopy", Sealift)
{
    /// <summary>An array does not lose power with this host.</summary>
    public override bool WritesItself => false;

    /// <inheritdoc/>
    public override bool IsAlone => true;

    /// <inheritdoc/>
    public override Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        var old = place.In("old");
        Workspace.WriteOldBytes(old);
        using (var target = PosixFile.Open(TargetFile, OpenMode.ReadWrite)) target.WriteAt(File.ReadAllBytes(old), 0);
        File.Delete(old);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => ["copy", SourceUri, TargetUri, "--overwrite", "--transfer", "xcopy", "--checkpoint", "1M"];

    /// <summary>A unit has no name that it could get too early.</summary>
    public override string? WhatIsWrongAfterDeath(Workspace place) => Workspace.WhatDiffersFromSource(SourceFile) is { } changed ? $"the source: {changed}" : null;

    /// <inheritdoc/>
    public override async Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel)
    {
        var copies = Path.Combine(place.State, "copies");
        var begun = Directory.Exists(copies) && Directory.EnumerateFileSystemEntries(copies).Any();
        if (!begun && WhatIsWrong(place) is null) return (Recovery.Finished, null);
        var how = begun ? Recovery.Resumed : Recovery.Anew;
        var result = await RunAsync(place, [.. Arguments(place), .. begun ? ["--resume"] : Array.Empty<string>()], cancel);
        return (how, result.ExitCode == 0 ? null : Said(begun ? "--resume" : "anew", result));
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Result(Workspace place) => new SortedDictionary<string, string>(
        Directory.EnumerateFileSystemEntries(place.Path).Select(p => Path.GetFileName(p)!).Except(["state", "tmp"]).ToDictionary(n => n, _ => string.Empty), StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place) => Workspace.WhatDiffersFromSource(TargetFile);
}
