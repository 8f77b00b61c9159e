using System.Globalization;
using Sealift.Bench.Faults.Rigs;
using Sealift.Bench.Faults.Transfers;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary>The sweep by hand: <c>kill [STRIDE [COMMAND [CALL MOMENT]]]</c>, or <c>power …</c> with the power failing too, or <c>short [COMMAND]</c>.</summary>
internal static class KillProgram
{
    public static async Task<int> RunAsync(string[] args)
    {
        var sealift = Path.Combine(RigFiles.Repository, "out", "sealift");
        var directory = Directory.CreateTempSubdirectory("sealift-rig-").FullName;
        try
        {
            var library = await Rig.CompileAsync(RigFiles.PathOf("kill-at.c"), directory, CancellationToken.None);
            if (args[0] == "short")
            {
                var shortened = await Rig.CompileAsync(RigFiles.PathOf("short-transfers.c"), directory, CancellationToken.None);
                var runs = await TransferSweep.RunAsync([.. TransferSweep.All(sealift, library).Where(c => args.Length < 2 || c.Name == args[1])], shortened, CancellationToken.None);
                foreach (var group in runs.GroupBy(t => t.Command)) Console.WriteLine($"{group.Key}: {TransferSweep.Summary([.. group])}");
                foreach (var t in runs.Where(t => t.Outcome > Outcome.CleanError)) Console.WriteLine($"{t.Outcome} {t.Command}: {t.Shortage}: {t.Detail}");
                return runs.All(t => t.Outcome <= Outcome.CleanError) ? 0 : 1;
            }

            var power = args[0] == "power";
            var commands = KillSweep.All(sealift, library).Where(c => args.Length < 3 || c.Name == args[2]).ToList();
            IReadOnlyList<KillTrial> trials;
            if (args.Length > 4)
            {
                var (_, expected) = await KillTrial.ObserveAsync(commands.Single(), library, Path.Combine(directory, "observed"), CancellationToken.None);
                var kill = new Kill(int.Parse(args[3], CultureInfo.InvariantCulture), Enum.Parse<Moment>(args[4], ignoreCase: true), power);
                trials = [await KillTrial.RunAsync(commands.Single(), kill, expected, library, Path.Combine(directory, "t"), CancellationToken.None)];
            }
            else
            {
                trials = await KillSweep.RunAsync(commands, library, power, args.Length < 2 ? 1 : int.Parse(args[1], CultureInfo.InvariantCulture), null, CancellationToken.None);
            }

            foreach (var group in trials.GroupBy(t => t.Command)) Console.WriteLine($"{group.Key}: {KillSweep.Summary([.. group])}");
            foreach (var t in trials.Where(t => t.Outcome is not (Outcome.CorrectResult or Outcome.NotReached))) Console.WriteLine($"{t.Outcome} {t.Command}: {t.Kill}: {t.Detail}");
            return trials.All(t => t.Outcome is Outcome.CorrectResult or Outcome.NotReached) ? 0 : 1;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
