namespace Sealift.Migrations.Support;

/// <summary>What goes into a support bundle.</summary>
public sealed record SupportBundleOptions
{
    /// <summary>Whether the block maps of the disks are in it: digests of blocks, never their content.</summary>
    public bool BlockMaps { get; init; } = true;

    /// <summary>The longest block map that is taken, in bytes.</summary>
    public long BlockMapLimitBytes { get; init; } = 64L << 20;

    /// <summary>Whether the list of the guest's files that the conversion changed is in it, by name.</summary>
    public bool GuestFileNames { get; init; }

    /// <summary>How much of a longer log is kept at its beginning, and as much at its end, in bytes.</summary>
    public int LogEndBytes { get; init; } = 4 << 20;

    /// <summary>What is asked about the tools of this host, as <c>sealift doctor</c> prints it; null to leave it out. Given the longest time that it may take.</summary>
    public Func<CancellationToken, Task<string>>? Doctor { get; init; }

    /// <summary>Other files that belong to this migration, such as those of the plan that it was made by: a name each, and its text.</summary>
    public IReadOnlyList<SupportPaper> Papers { get; init; } = [];
}

/// <summary>A text that somebody else adds to a bundle. Secrets are taken out of it as out of everything.</summary>
/// <param name="Name">Its name, such as <c>plan.json</c>.</param>
/// <param name="Text">What it says.</param>
public sealed record SupportPaper(string Name, string Text);

/// <summary>What a bundle has.</summary>
/// <param name="Migration">The whole id.</param>
/// <param name="Files">The names of its files, in order.</param>
/// <param name="Missing">What is not in it although it could be, and why: a sentence each.</param>
/// <param name="Removed">How many secrets were removed, by what they are.</param>
public sealed record SupportBundleReport(string Migration, IReadOnlyList<string> Files, IReadOnlyList<string> Missing, IReadOnlyDictionary<string, int> Removed);
