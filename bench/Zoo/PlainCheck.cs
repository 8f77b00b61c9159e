using System.Text.RegularExpressions;

namespace Sealift.Bench.FileSystems;

/// <summary>What Linux has for the same content, as a careful person would call it: read-only, on the image itself.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Commands">Program and arguments of each; <c>DISK1</c>, <c>DISK2</c> stand for the exhibit's disks.</param>
internal sealed partial record PlainCheck(string Name, params IReadOnlyList<string[]> Commands)
{
    /// <summary>Whether it only prints what it reads: then other values are no complaint, and only words that sound like one are.</summary>
    public bool IsDump { get; init; }

    /// <summary>Whether it mends what it looks at without being asked, so that it must be given a copy.</summary>
    public bool Writes { get; init; }

    /// <summary>Runs all of it.</summary>
    public async Task<PlainSaying> RunAsync(IReadOnlyList<string> disks, CancellationToken cancel)
    {
        if (Writes)
        {
            var copies = disks.Select(d => d + ".copy").ToList();
            foreach (var (disk, copy) in disks.Zip(copies)) _ = await new Command("cp", "--sparse=always", disk, copy).RunAsync(cancel);
            var saying = await (this with { Writes = false }).RunAsync(copies, cancel);
            foreach (var copy in copies) File.Delete(copy);
            return saying;
        }

        var codes = new List<int>();
        var lines = new List<string>();
        foreach (var command in Commands)
        {
            var answer = await new Command(command[0], [.. command[1..].Select(a => Filled(a, disks))]).AskAsync(cancel);
            codes.Add(answer.ExitCode);
            lines.AddRange(answer.Text.Split('\n').Where(l => !IsDump || Complaint().IsMatch(l)).Select(l => Count().IsMatch(l) ? Digits().Replace(l, "#") : l));
        }

        // Some check with several threads, whose lines come in any order.
        return new PlainSaying(codes, string.Join('\n', lines.Where(l => l.Trim().Length > 0).Order(StringComparer.Ordinal)));
    }

    private static string Filled(string argument, IReadOnlyList<string> disks)
    {
        for (var i = 0; i < disks.Count; i++) argument = argument.Replace($"DISK{i + 1}", disks[i], StringComparison.Ordinal);
        return argument;
    }

    /// <summary>What is counted at the end of a check says nothing of whether it is right.</summary>
    [GeneratedRegex(@"clean\. directories \d+, files \d+$|: \d+/\d+ files \(|: \d+ files, \d+/\d+ clusters$|^found \d+ bytes used|^total |^btree space waste|^file data blocks allocated|^ referenced ", RegexOptions.CultureInvariant)]
    private static partial Regex Count();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();

    [GeneratedRegex("error|warning|expected|invalid|bad |corrupt|fail|cannot|mismatch|not a valid|no valid|unable|unknown|missing|incorrect", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Complaint();
}

/// <summary>What it came to.</summary>
/// <param name="ExitCodes">One of each command.</param>
/// <param name="Text">What they said, in an order that does not depend on threads.</param>
public sealed record PlainSaying(IReadOnlyList<int> ExitCodes, string Text)
{
    /// <summary>Whether it calls this exhibit broken by exit code, whatever it said of the sound one.</summary>
    public bool Fails => ExitCodes.Any(c => c != 0);

    /// <summary>Whether an exit code is another one than that of the exhibit before it was damaged.</summary>
    public bool DiffersByCode(PlainSaying before) => !ExitCodes.SequenceEqual(before.ExitCodes);

    /// <summary>Whether it has become a failure, or says one thing that it did not say before. That it says less is no complaint.</summary>
    public bool Complains(PlainSaying before)
    {
        var known = before.Text.Split('\n').ToHashSet();
        return (Fails && DiffersByCode(before)) || Text.Split('\n').Any(l => !known.Contains(l));
    }
}
