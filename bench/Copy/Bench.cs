using System.Diagnostics;

namespace Sealift.Bench.Copies;

/// <summary>What every row works with.</summary>
internal sealed record Bench(Options Options, Sizes Sizes, Scratch Scratch, Clock Clock, Report Report, Action<string> Say)
{
    /// <summary>Runs all sides in turn (ours, peer, ours, peer …), so that what else happens on the machine happens to each of them.</summary>
    /// <param name="row">The row that they belong to.</param>
    /// <param name="sides">Ours first.</param>
    /// <param name="bytes">How much each gets through in a run; 0 where that means nothing.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <param name="runs">How often, where that is not what the command line says.</param>
    /// <param name="limit">How long one run may take, where that is not what it is for others.</param>
    /// <returns>The runs of each side, as many of each. Fewer than was asked for where they take too long.</returns>
    /// <exception cref="BenchException">One failed, or its result is wrong.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<Run>>> InterleaveAsync(string row, IReadOnlyList<Contestant> sides, long bytes, CancellationToken cancel, int runs = 0, TimeSpan? limit = null)
    {
        var taken = sides.Select(_ => new List<Run>()).ToList();
        var clock = Stopwatch.StartNew();
        for (var round = 0; round < (runs > 0 ? runs : Options.Runs) && clock.Elapsed < Sizes.DuelLimit; round++)
        {
            for (var i = 0; i < sides.Count; i++)
            {
                var run = await Clock.TakeAsync(sides[i], limit ?? Sizes.RunLimit, cancel);
                taken[i].Add(run);
                if (runs < 5 || !run.Ended) Say($"{row}: {Report.Seconds(run.Seconds)} s{(run.Ended ? string.Empty : ", not ended")}: {sides[i].Line}");
            }

            if (taken.Any(t => !t[^1].Ended)) break;
        }

        for (var i = 0; i < sides.Count; i++) Report.AddSide(row, sides[i], taken[i], bytes);
        return taken;
    }

    /// <summary>Runs each set of flags of a peer once.</summary>
    /// <returns>The fastest.</returns>
    public async Task<Contestant> FastestAsync(string row, IReadOnlyList<Contestant> candidates, CancellationToken cancel)
    {
        var tried = new List<(Contestant Side, Run Run)>();
        foreach (var side in candidates)
        {
            tried.Add((side, await Clock.TakeAsync(side, Sizes.RunLimit, cancel)));
            Say($"{row}: {Report.Seconds(tried[^1].Run.Seconds)} s: tried {side.Line}");
        }

        Report.AddTried(row, tried);
        return tried.MinBy(t => t.Run.Seconds).Side;
    }

    /// <summary>Puts the ratio of two sides' times into the table, each run's to the one beside it.</summary>
    public void Compare(string row, string what, string against, Goal? goal, IReadOnlyList<Run> ours, IReadOnlyList<Run> peers, string note = "")
    {
        var notes = new List<string>();
        if (note.Length > 0) notes.Add(note);
        if (ours.Any(r => !r.Ended)) notes.Add($"ours did not end within {ours[^1].Seconds:F0} s: the ratio is at least this");
        if (peers.Any(r => !r.Ended)) notes.Add($"the other did not end within {peers[^1].Seconds:F0} s: the ratio is at most this");
        var ratios = ours.Zip(peers, (o, p) => o.Seconds / p.Seconds).ToList();
        if (ratios.Count != Options.Runs) notes.Add(ratios.Count == 1 ? "one run" : $"{ratios.Count} runs");
        Report.Add(new ReportLine(row, what, against, goal, new Series(ratios), Note: string.Join("; ", notes)));
    }
}
