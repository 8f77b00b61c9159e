using System.Globalization;
using System.Text.RegularExpressions;
using Sealift.Bench.Faults.Kills;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Transfers;

/// <summary>One run of a command whose transfers come short.</summary>
/// <param name="Command">Its name.</param>
/// <param name="Shortage">How.</param>
/// <param name="Outcome">How it was taken.</param>
/// <param name="Disturbed">How many calls came short.</param>
/// <param name="Detail">What it said, or what is wrong.</param>
public sealed partial record TransferTrial(string Command, Shortage Shortage, Outcome Outcome, long Disturbed, string Detail)
{
    /// <summary>Runs it and judges: the right result, or where the kernel lied a clean error after which the undisturbed command comes to the right end.</summary>
    public static async Task<TransferTrial> RunAsync(KilledCommand command, Shortage shortage, string library, string directory, CancellationToken cancel)
    {
        using var place = new Workspace(directory);
        var counter = directory + ".count";
        await command.PrepareAsync(place, cancel);
        try
        {
            ChildResult run;
            try
            {
                run = await command.RunAsync(place, command.Arguments(place), cancel, shortage.Environment(library, counter));
            }
            catch (ChildException e) when (e.Code is "SL1103" or "SL1104")
            {
                return Trial(e.Code == "SL1104" ? Outcome.Hang : Outcome.Complaint, e.Message);
            }

            var said = $"exit code {run.ExitCode}: {run.Output}{run.ErrorTail}";
            if (place.WhatHappenedToTheSource() is { } happened) return Trial(Outcome.Complaint, happened);
            if (run.ExitCode is 0 or 3)
            {
                if (command.WhatIsWrong(place) is { } wrong) return Trial(Outcome.SilentCorruption, $"{wrong}: {said}");
                if (!command.IsRight(run.Output)) return Trial(Outcome.SilentCorruption, $"a wrong answer: {said}");
                if (await command.WhatDoesNotHoldAsync(place, cancel) is { } untrue) return Trial(Outcome.SilentCorruption, $"{untrue}: {said}");
                return Trial(Outcome.CorrectResult, said);
            }

            if (shortage is { IsLegal: true, Interrupts: 0 }) return Trial(Outcome.Complaint, $"a short transfer is no error: {said}");
            if (run.ExitCode is not (1 or 5) || !(ErrorCode().IsMatch(said) || said.Contains("FAIL", StringComparison.Ordinal)) || said.Contains("   at ", StringComparison.Ordinal)) return Trial(Outcome.Complaint, $"no clean error: {said}");
            if (command.WhatIsWrongAfterDeath(place) is { } half) return Trial(Outcome.SilentCorruption, half);
            var (_, stuck) = await command.GoOnAsync(place, cancel);
            if (stuck is not null) return Trial(Outcome.Complaint, $"it cannot be gone on from: {stuck} after {said}");
            if (command.WhatIsWrong(place) is { } after) return Trial(Outcome.SilentCorruption, after);
            return Trial(Outcome.CleanError, said);
        }
        finally
        {
            File.Delete(counter);
        }

        TransferTrial Trial(Outcome outcome, string detail)
        {
            var disturbed = File.Exists(counter) ? File.ReadLines(counter).Sum(line => long.Parse(line, CultureInfo.InvariantCulture)) : 0;
            return new TransferTrial(command.Name, shortage, disturbed == 0 && outcome is Outcome.CorrectResult ? Outcome.NotReached : outcome, disturbed, detail);
        }
    }

    [GeneratedRegex(@"SL\d{4}: ")]
    private static partial Regex ErrorCode();
}
