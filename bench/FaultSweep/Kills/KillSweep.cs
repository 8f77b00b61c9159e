using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Sealift.Bench.Faults.Kills;

/// <summary>Commands killed at every call that they make, or at every n-th.</summary>
public static partial class KillSweep
{
    private static readonly Moment[] Moments = [Moment.Before, Moment.Half, Moment.After];

    /// <summary>The commands.</summary>
    /// <param name="sealift">Path of the command.</param>
    /// <param name="library">Path of the compiled tests/rigs/kill-at.c.</param>
    public static IReadOnlyList<KilledCommand> All(string sealift, string library) =>
        [new KilledCopy(sealift), new KilledOffload(sealift), new KilledQcow2Copy(sealift), new KilledResume(sealift, library), new KilledMigration(sealift), new KilledCommit(sealift)];

    /// <summary>Runs it, one trial on each processor at a time.</summary>
    /// <param name="commands">The commands.</param>
    /// <param name="library">Path of the compiled library.</param>
    /// <param name="power">Whether the power fails too.</param>
    /// <param name="stride">1 for every call at every moment, n for each n-th: the same ones in every run.</param>
    /// <param name="progress">Told after each trial.</param>
    /// <param name="cancel">Stops it.</param>
    /// <param name="parent">Where the trials' directories are made; by default where temporary files are.</param>
    public static async Task<IReadOnlyList<KillTrial>> RunAsync(IReadOnlyList<KilledCommand> commands, string library, bool power, int stride, Action<KillTrial>? progress, CancellationToken cancel, string? parent = null)
    {
        var directory = parent is null ? Directory.CreateTempSubdirectory("sealift-kills-").FullName : Directory.CreateDirectory(Path.Combine(parent, $"kills-{Guid.NewGuid().ToString("N")[..8]}")).FullName;
        try
        {
            var work = new List<(KilledCommand Command, Kill Kill, IReadOnlyDictionary<string, string> Expected)>();
            foreach (var command in commands.Where(c => c.WritesItself || !power))
            {
                var (calls, expected) = await KillTrial.ObserveAsync(command, library, Path.Combine(directory, "observed"), cancel);
                work.AddRange(Points(calls, command.FirstCall(calls), power).Where((_, i) => i % stride == 0).Select(kill => (command, kill, expected)));
            }

            var trials = new ConcurrentBag<KillTrial>();
            await Parallel.ForEachAsync(work.Index(), new ParallelOptions { MaxDegreeOfParallelism = commands.Any(c => c.IsAlone) ? 1 : Environment.ProcessorCount, CancellationToken = cancel }, async (item, stop) =>
            {
                var (command, kill, expected) = item.Item;
                var trial = await KillTrial.RunAsync(command, kill, expected, library, Path.Combine(directory, $"t{item.Index}"), stop);
                trials.Add(trial);
                progress?.Invoke(trial);
            });
            return [.. trials];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>One line for people: how many of what.</summary>
    public static string Summary(IReadOnlyCollection<KillTrial> trials)
    {
        int Count(Outcome outcome) => trials.Count(t => t.Outcome == outcome);
        int Recovered(Recovery how) => trials.Count(t => t.Outcome == Outcome.CorrectResult && t.Recovery == how);
        return $"{trials.Count - Count(Outcome.NotReached)} deaths: {Count(Outcome.CorrectResult)} came to the undisturbed end ({Recovered(Recovery.Resumed)} resumed, {Recovered(Recovery.Anew)} begun anew, "
            + $"{Recovered(Recovery.Finished)} were finished), {Count(Outcome.SilentCorruption)} with wrong bytes, {Count(Outcome.Hang)} hangs, {Count(Outcome.Complaint)} complaints ({Count(Outcome.NotReached)} not reached)";
    }

    /// <summary>Where a run can be killed. In a row of like calls (the journal's pages) the first, one in the middle and the last.</summary>
    private static IEnumerable<Kill> Points(IReadOnlyList<string> calls, int first, bool power)
    {
        for (var start = first - 1; start < calls.Count;)
        {
            var end = start;
            while (end < calls.Count && Kind(calls[end]) == Kind(calls[start])) end++;
            foreach (var at in new[] { start, (start + end - 1) / 2, end - 1 }.Distinct())
            {
                // Nothing but a write has a middle.
                var moments = calls[at].StartsWith("pwrite ", StringComparison.Ordinal) || calls[at].StartsWith("write ", StringComparison.Ordinal) || calls[at].StartsWith("send ", StringComparison.Ordinal) || calls[at].StartsWith("copy_file_range ", StringComparison.Ordinal)
                    ? Moments : [Moment.Before, Moment.After];
                foreach (var moment in moments) yield return new Kill(at + 1, moment, power);
            }

            start = end;
        }
    }

    private static string Kind(string call) => Number().Replace(call, string.Empty);

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();
}
