using System.Collections.Concurrent;
using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>Every fault that a tool's undisturbed run suggests, one trial each.</summary>
public static class Sweep
{
    /// <summary>Runs them, one on each processor at a time.</summary>
    /// <param name="tools">The tools.</param>
    /// <param name="stride">1 for every fault, n for each n-th: the same ones in every run.</param>
    /// <param name="progress">Told after each trial.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<IReadOnlyList<Trial>> RunAsync(IReadOnlyList<Tool> tools, int stride, Action<Trial>? progress, CancellationToken cancel)
    {
        var directory = Directory.CreateTempSubdirectory("sealift-faults-").FullName;
        try
        {
            var work = new List<(Tool Tool, Injection Injection)>();
            foreach (var tool in tools)
            {
                var faults = (await Trial.ObserveAsync(tool, Path.Combine(directory, "observed"), cancel)).Faults();
                work.AddRange(faults.Where((_, i) => i % stride == 0).Select(f => (tool, f)));
            }

            var trials = new ConcurrentBag<Trial>();
            await Parallel.ForEachAsync(work.Index(), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, async (item, stop) =>
            {
                var (tool, injection) = item.Item;
                var trial = await Trial.RunAsync(tool, injection, Path.Combine(directory, $"t{item.Index}"), stop);
                trials.Add(trial);
                progress?.Invoke(trial);
            });
            return [.. trials];
        }
        finally
        {
            PosixTree.Remove(directory);
        }
    }

    /// <summary>One line for people: how many of what.</summary>
    public static string Summary(IReadOnlyCollection<Trial> trials)
    {
        int Count(Outcome outcome) => trials.Count(t => t.Outcome == outcome);
        return $"{trials.Count - Count(Outcome.NotReached)} faults injected: {Count(Outcome.CleanError)} clean errors, {Count(Outcome.CorrectResult)} correct results, "
            + $"{Count(Outcome.SwallowedError)} swallowed errors, {Count(Outcome.SilentCorruption)} silent corruptions, {Count(Outcome.Hang)} hangs, {Count(Outcome.Complaint)} complaints ({Count(Outcome.NotReached)} not reached)";
    }
}
