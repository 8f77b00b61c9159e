using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary><c>sealift hash</c> of a raw disk, with a map.</summary>
public record KilledHash(string Sealift, string Name = "sealift hash") : KilledCommand(Name, Sealift)
{
    private string? root;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Reads => ["source.raw"];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Writes => [".blockmap"];

    private static string Map(Workspace place) => place.In("source.blockmap");

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => ["hash", "--map", Map(place), place.Source];

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel) =>
        root ??= (await RunAsync(place, ["hash", place.Source], cancel)).Output.Split(' ')[0];

    /// <inheritdoc/>
    public override bool IsRight(string output) => output.StartsWith(root!, StringComparison.Ordinal) && root!.Length == 64;

    /// <inheritdoc/>
    public override string? WhatIsWrongAfterDeath(Workspace place) => null;

    /// <inheritdoc/>
    public override async Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel)
    {
        var again = await RunAsync(place, ["hash", "--map", place.In("again.blockmap"), place.Source], cancel);
        return (Recovery.Anew, again.ExitCode == 0 && IsRight(again.Output) ? null : Said("again", again));
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Result(Workspace place) => new Dictionary<string, string>();

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place) => null;
}

/// <summary><c>sealift verify</c> of a machine that was migrated before.</summary>
public sealed record KilledVerify(string Sealift) : KilledMigration(Sealift, "sealift verify")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Reads => ["source-disk1.raw", ".seal.json", ".blockmap"];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Writes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => ["verify", Path.Combine(Machines(place), "source.seal.json")];

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        var migrated = await RunAsync(place, base.Arguments(place), cancel);
        if (migrated.ExitCode != 3) throw new InvalidOperationException(Said("migrate", migrated));
    }

    /// <inheritdoc/>
    public override bool IsRight(string output) => !output.Contains("FAIL", StringComparison.Ordinal);
}
