using System.Text.RegularExpressions;

namespace Sealift.Bench.Faults;

/// <summary>A call that was tampered with.</summary>
/// <param name="File">The file of the trial that it was about.</param>
/// <param name="ConcernsWrites">False for the close of a file or directory that was only read: nothing can be lost by it.</param>
/// <param name="IsAtStake">False for a close, too, before which nothing was written, or all of it flushed: it has nothing to report.</param>
public sealed record Hit(string File, bool ConcernsWrites, bool IsAtStake);

/// <summary>What strace saw of one run: which calls were about the trial's own files, and which were tampered with.</summary>
public sealed partial class SystemCallTrace
{
    private readonly Dictionary<(string Call, string File), SortedSet<int>> occurrences = [];

    /// <summary>Reads a log of <c>strace -f -y</c>.</summary>
    /// <param name="path">The log.</param>
    /// <param name="directory">The directory of the trial; only calls about files in it, or about its sockets, are the data path.</param>
    public SystemCallTrace(string path, string directory)
    {
        var counts = new Dictionary<(string Thread, string Call), int>();
        var unfinished = new Dictionary<string, string>();
        var written = new HashSet<string>();
        var unflushed = new HashSet<string>();
        foreach (var line in File.ReadLines(path))
        {
            var start = CallStart().Match(line);
            if (start.Success)
            {
                var (thread, call) = (start.Groups["thread"].Value, start.Groups["call"].Value);
                var count = counts[(thread, call)] = counts.GetValueOrDefault((thread, call)) + 1;
                unfinished[thread] = line;
                if (FileOf(line, directory) is { } file)
                {
                    if (!occurrences.TryGetValue((call, file), out var seen)) occurrences[(call, file)] = seen = [];
                    seen.Add(count);
                    if (ForWriting().IsMatch(line)) written.Add(file);
                    if (Writing().IsMatch(line)) unflushed.Add(file);
                    else if (call is "fsync" or "fdatasync" && !line.EndsWith("(INJECTED)", StringComparison.Ordinal)) unflushed.Remove(file);
                }
            }

            if (!line.EndsWith("(INJECTED)", StringComparison.Ordinal)) continue;
            var whole = start.Success ? line : unfinished.GetValueOrDefault(line.Split(' ')[0], string.Empty);
            if (FileOf(whole, directory) is not { } hit) HitsElsewhere++;
            else if (whole.Contains(" close(", StringComparison.Ordinal)) Hits.Add(new Hit(hit, written.Contains(hit), unflushed.Contains(hit)));
            else Hits.Add(new Hit(hit, true, true));
        }
    }

    /// <summary>The calls about files of the trial that were tampered with.</summary>
    public List<Hit> Hits { get; } = [];

    /// <summary>How many calls were tampered with that were about nothing of the trial: the runtime's own files.</summary>
    public int HitsElsewhere { get; }

    /// <summary>The faults that this run suggests: for each kind of call and file the first, the second, a middle and the last one, with each error that it can return.</summary>
    public IReadOnlyList<Injection> Faults()
    {
        var faults = new List<Injection>();
        foreach (var ((call, file), seen) in occurrences.OrderBy(o => o.Key.File, StringComparer.Ordinal).ThenBy(o => o.Key.Call, StringComparer.Ordinal))
        {
            if (!SystemCallErrors.Table.TryGetValue(call, out var errors)) continue;
            var at = seen.ToList();
            foreach (var occurrence in new[] { at[0], at[Math.Min(1, at.Count - 1)], at[at.Count / 2], at[^1] }.Distinct())
                faults.AddRange(errors.Select(error => new Injection(call, error, occurrence, file)));
        }

        return [.. faults.DistinctBy(f => (f.Call, f.Error, f.Occurrence))];
    }

    /// <summary>The file of the trial that a call is about, with what differs from run to run (process ids, identifiers) replaced.</summary>
    private static string? FileOf(string line, string directory)
    {
        // Of a call from file to file the second one is written to.
        var at = line.Contains(" copy_file_range(", StringComparison.Ordinal) ? line.LastIndexOf(directory + "/", StringComparison.Ordinal) : line.IndexOf(directory + "/", StringComparison.Ordinal);
        if (at < 0) return SocketCall().IsMatch(line) ? "socket" : null;
        var end = line.AsSpan(at).IndexOfAny("\">");
        var file = end < 0 ? line[(at + directory.Length + 1)..] : line.Substring(at + directory.Length + 1, end - directory.Length - 1);
        return Identifier().Replace(file, "ID");
    }

    [GeneratedRegex("O_WRONLY|O_RDWR| p?write|ftruncate|fallocate")]
    private static partial Regex ForWriting();

    [GeneratedRegex(@"^\d+ +(p?write(64|v)?|fallocate|copy_file_range)\(")]
    private static partial Regex Writing();

    [GeneratedRegex(@"^(?<thread>\d+) +(?<call>[a-z0-9_]+)\(")]
    private static partial Regex CallStart();

    [GeneratedRegex(@"^\d+ +(connect|sendto|sendmsg|recvfrom|recvmsg|read|write)\(\d+<(UNIX|TCP|socket)")]
    private static partial Regex SocketCall();

    [GeneratedRegex(@"\d{6}-\d{6}-[0-9a-z]+|(?<=\.)\d+(?=\.new)|(?<=^\.target\.raw\.)[0-9A-Za-z]{6}$")]
    private static partial Regex Identifier();
}
