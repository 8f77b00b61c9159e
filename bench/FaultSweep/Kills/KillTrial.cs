using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary>One death of a command, and what became of it.</summary>
/// <param name="Command">Its name.</param>
/// <param name="Kill">Where it died.</param>
/// <param name="Outcome">Correct: it was gone on from to the same end as an undisturbed run.</param>
/// <param name="Recovery">How it was gone on from.</param>
/// <param name="Detail">What is wrong, and the call that was its last.</param>
public sealed record KillTrial(string Command, Kill Kill, Outcome Outcome, Recovery Recovery, string Detail)
{
    /// <summary>Runs a command undisturbed.</summary>
    /// <returns>Its calls, and its end.</returns>
    /// <exception cref="InvalidOperationException">It does not work even so.</exception>
    public static async Task<(IReadOnlyList<string> Calls, IReadOnlyDictionary<string, string> End)> ObserveAsync(KilledCommand command, string library, string directory, CancellationToken cancel)
    {
        using var place = new Workspace(directory);
        await command.PrepareAsync(place, cancel);
        var log = directory + ".log";
        try
        {
            var run = await command.RunAsync(place, command.Arguments(place), cancel, new Kill(0, Moment.Before).Environment(library, log, directory + ".stash"));
            if (command.WhatIsWrong(place) is { } wrong) throw new InvalidOperationException($"{command.Name} does not work undisturbed: {wrong}: {run.Output}{run.ErrorTail}");
            if (Left(place) is { } left) throw new InvalidOperationException($"{command.Name} leaves {left}");
            return ([.. (await File.ReadAllLinesAsync(log, cancel)).Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])], command.Result(place));
        }
        finally
        {
            File.Delete(log);
        }
    }

    /// <summary>Kills a command, looks at what it left, goes on and judges.</summary>
    public static async Task<KillTrial> RunAsync(KilledCommand command, Kill kill, IReadOnlyDictionary<string, string> expected, string library, string directory, CancellationToken cancel)
    {
        using var place = new Workspace(directory);
        var (log, stash) = (directory + ".log", directory + ".stash");
        await command.PrepareAsync(place, cancel);
        var how = Recovery.Anew;
        try
        {
            try
            {
                var run = await command.RunAsync(place, command.Arguments(place), cancel, kill.Environment(library, log, stash));
                // The order of the threads decides how many calls there are: this one had fewer.
                var end = command.WhatIsWrong(place);
                return Trial(end is null && run.ExitCode is 0 or 3 ? Outcome.NotReached : Outcome.Complaint, end ?? $"exit code {run.ExitCode}: {run.Output}{run.ErrorTail}");
            }
            catch (ChildException e) when (e.Code == "SL1103")
            {
                // It died, as it was to.
            }

            if (command.WhatIsWrongAfterDeath(place) is { } half) return Trial(Outcome.SilentCorruption, half);
            (how, var wrong) = await command.GoOnAsync(place, cancel);
            if (wrong is not null) return Trial(Outcome.Complaint, wrong);
            if (command.WhatIsWrong(place) is { } bytes) return Trial(Outcome.SilentCorruption, bytes);
            if (place.WhatHappenedToTheSource() is { } happened) return Trial(Outcome.Complaint, happened);
            if (Difference(expected, command.Result(place)) is { } difference) return Trial(Outcome.Complaint, difference);
            // A death after the very end leaves it to the next command to clear up.
            if (Left(place) is not null) _ = await command.RunAsync(place, ["hash", place.Source], cancel); // judged by what it clears up
            if (Left(place) is { } left) return Trial(Outcome.Complaint, $"it left {left}");
            return Trial(Outcome.CorrectResult, string.Empty);
        }
        catch (ChildException e) when (e.Code == "SL1104")
        {
            return Trial(Outcome.Hang, e.Message);
        }
        finally
        {
            File.Delete(log);
            if (Directory.Exists(stash)) Directory.Delete(stash, recursive: true);
        }

        KillTrial Trial(Outcome outcome, string detail) =>
            new(command.Name, kill, outcome, how, $"{(File.Exists(log) ? File.ReadLines(log).ElementAtOrDefault(kill.Call - 1)?.Replace(place.Path, string.Empty, StringComparison.Ordinal) : null)}: {detail}");
    }

    private static string? Difference(IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> actual)
    {
        var keys = expected.Keys.Union(actual.Keys).Where(k => expected.GetValueOrDefault(k) != actual.GetValueOrDefault(k)).ToList();
        return keys.Count == 0 ? null : "not as in the undisturbed run: " + string.Join("; ", keys.Select(k => $"{k}: {expected.GetValueOrDefault(k, "absent")} / {actual.GetValueOrDefault(k, "absent")}"));
    }

    /// <summary>What lies in the temporary directory.</summary>
    private static string? Left(Workspace place) =>
        Directory.EnumerateFileSystemEntries(place.In("tmp"), "*", SearchOption.AllDirectories).FirstOrDefault() is { } left ? left : null;
}
