namespace Sealift.Bench.Mutation;

/// <summary>
/// The mutants that no test can notice, with the reason of each. They are found by the text of their line and of their change, so that
/// the list survives edits around them.
/// </summary>
internal sealed class Equivalents
{
    private readonly Dictionary<string, string> reasons = [];
    private readonly HashSet<string> used = [];

    /// <summary>Reads the list: blocks of four lines, <c>file:</c>, <c>line:</c>, <c>change:</c> and <c>why:</c>, with empty lines and comments between.</summary>
    public static Equivalents Read(string path)
    {
        var list = new Equivalents();
        var block = new Dictionary<string, string>();
        foreach (var line in File.ReadLines(path).Append(string.Empty))
        {
            if (line.StartsWith('#')) continue;
            if (line.Trim().Length > 0)
            {
                var at = line.IndexOf(": ", StringComparison.Ordinal);
                if (at < 0 || !block.TryAdd(line[..at], line[(at + 2)..].Trim())) throw new InvalidOperationException($"{path}: this line is no part of a block: {line}");
            }
            else if (block.Count > 0)
            {
                if (!(block.TryGetValue("file", out var file) & block.TryGetValue("line", out var text) & block.TryGetValue("change", out var change) & block.TryGetValue("why", out var why)))
                    throw new InvalidOperationException($"{path}: a block lacks file, line, change or why: {string.Join(' ', block.Values)}");
                list.reasons.Add($"{file}|{text}|{change}", why!);
                block.Clear();
            }
        }

        return list;
    }

    /// <summary>Why a mutant is equivalent; null where it is not listed.</summary>
    public string? Reason(Mutant mutant)
    {
        if (!reasons.TryGetValue(mutant.Key, out var reason)) return null;
        used.Add(mutant.Key);
        return reason;
    }

    /// <summary>Entries about some files that fit no mutant any more.</summary>
    public IEnumerable<string> Stale(Func<string, bool> files) => reasons.Keys.Where(key => !used.Contains(key) && files(key[..key.IndexOf('|', StringComparison.Ordinal)]));
}
