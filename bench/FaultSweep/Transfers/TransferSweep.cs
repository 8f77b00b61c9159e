using System.Collections.Concurrent;
using Sealift.Bench.Faults.Kills;

namespace Sealift.Bench.Faults.Transfers;

/// <summary>Every command under every shortage.</summary>
public static class TransferSweep
{
    // A byte at a time through a whole disk would be millions of calls; every second call is a byte, and one command does it always.
    private static readonly Shortage[] Legal =
    [
        new() { Bytes = "half" }, new() { Bytes = "odd" }, new() { Bytes = "page" }, new() { Bytes = "one", Every = 2 }, new() { Bytes = "half", Every = 3 }, new() { Bytes = "odd", Every = 7 },
        new() { Interrupts = 1 }, new() { Interrupts = 5 }, new() { Interrupts = 100 }, new() { Bytes = "half", Interrupts = 2 },
    ];

    private static readonly int[] Reads = [1, 2, 3, 4, 5, 7, 9], Writes = [1, 2, 4];

    /// <summary>The commands.</summary>
    /// <param name="sealift">Path of the command.</param>
    /// <param name="killLibrary">Path of the compiled tests/rigs/kill-at.c, which interrupts a copy that is resumed.</param>
    public static IReadOnlyList<KilledCommand> All(string sealift, string killLibrary) =>
        [new KilledCopy(sealift), new KilledVhdCopy(sealift), new KilledQcow2Copy(sealift), new KilledResume(sealift, killLibrary), new KilledMigration(sealift), new KilledCommit(sealift), new KilledHash(sealift), new KilledVerify(sealift)];

    /// <summary>Runs it, one trial on each processor at a time.</summary>
    public static async Task<IReadOnlyList<TransferTrial>> RunAsync(IReadOnlyList<KilledCommand> commands, string library, CancellationToken cancel)
    {
        var directory = Directory.CreateTempSubdirectory("sealift-short-").FullName;
        try
        {
            var work = commands.SelectMany(c => Shortages(c).Select(s => (Command: c, Shortage: s))).ToList();
            var trials = new ConcurrentBag<TransferTrial>();
            await Parallel.ForEachAsync(work.Index(), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, async (item, stop) =>
                trials.Add(await TransferTrial.RunAsync(item.Item.Command, item.Item.Shortage, library, Path.Combine(directory, $"t{item.Index}"), stop)));
            return [.. trials];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>One line for people: how many of what.</summary>
    public static string Summary(IReadOnlyCollection<TransferTrial> trials)
    {
        int Count(Outcome outcome) => trials.Count(t => t.Outcome == outcome);
        return $"{trials.Count - Count(Outcome.NotReached)} runs, {trials.Sum(t => t.Disturbed)} calls came short: {Count(Outcome.CorrectResult)} correct results, {Count(Outcome.CleanError)} clean errors, "
            + $"{Count(Outcome.SilentCorruption)} silent corruptions, {Count(Outcome.Hang)} hangs, {Count(Outcome.Complaint)} complaints ({Count(Outcome.NotReached)} not reached)";
    }

    private static IEnumerable<Shortage> Shortages(KilledCommand command) =>
    [
        .. Legal,
        .. command is KilledHash ? [new Shortage { Bytes = "one" }] : Array.Empty<Shortage>(),
        .. command.Reads.SelectMany(file => Reads.Select(n => new Shortage { EndsAtRead = n, File = file })),
        .. command.Writes.SelectMany(file => Writes.Select(n => new Shortage { NothingAtWrite = n, File = file })),
    ];
}
