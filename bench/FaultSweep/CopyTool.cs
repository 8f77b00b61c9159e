using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>What a program can copy to, or from.</summary>
[Flags]
public enum TargetKinds
{
    /// <summary>A file that it makes.</summary>
    File = 1,

    /// <summary>A block device that is there.</summary>
    Device = 2,

    /// <summary>An export of an NBD server.</summary>
    Nbd = 4,
}

/// <summary>A command line that copies one disk.</summary>
/// <param name="Line">
/// Its words. SOURCE, TARGET and STATE stand for paths or URIs, a word in [brackets] is there only where the target is there before, and
/// one &amp;&amp; between two commands is the shell's.
/// </param>
public sealed record CopyTool(string Line) : Tool(Shown(Line))
{
    /// <summary>Whether the target is there before, and full of something else.</summary>
    public bool OverOldBytes { get; init; }

    /// <summary>What it can copy to.</summary>
    public TargetKinds Targets { get; init; } = TargetKinds.File | TargetKinds.Device | TargetKinds.Nbd;

    /// <summary>The program to run in place of the first word; null for that itself.</summary>
    public string? Program { get; init; }

    /// <inheritdoc/>
    public override Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        if (OverOldBytes) Workspace.WriteOldBytes(place.Target);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Command(Workspace place) => Command(place.Source, place.Target, place.State);

    /// <summary>The command for a disk that is anywhere.</summary>
    /// <param name="source">A path or an NBD URI.</param>
    /// <param name="target">A path or an NBD URI.</param>
    /// <param name="state">A directory for sealift.</param>
    public IReadOnlyList<string> Command(string source, string target, string state)
    {
        var there = File.Exists(target) || target.Contains("://", StringComparison.Ordinal);
        var words = Line.Split(' ').Where(w => there || !w.StartsWith('[')).Select(w => w.Trim('[', ']')).ToList();
        if (Program is not null) words[0] = Program;
        string Put(string word, string s, string t) => word.Replace("SOURCE", s, StringComparison.Ordinal).Replace("TARGET", t, StringComparison.Ordinal).Replace("STATE", state, StringComparison.Ordinal);
        return words.Contains("&&")
            ? ["sh", "-c", string.Join(' ', words.Select(w => Put(w, "\"$1\"", "\"$2\""))), "sh", source, target]
            : [.. words.Select(w => Put(w, source, target))];
    }

    // "[-n]" is a matter of where the target is, and the state directory one of the trial.
    private static string Shown(string line) => string.Join(' ', line.Split(' ').Where(w => !w.StartsWith('[') && w is not ("--state" or "STATE")));
}
