using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;

if (args[0] is "kill" or "power" or "short") return await KillProgram.RunAsync(args);
var tools = SealiftTools.All(args[0]).Where(t => args.Length < 3 || t.Name == args[2]).ToList();
var trials = await Sweep.RunAsync(tools, int.Parse(args[1]), null, CancellationToken.None);
foreach (var group in trials.GroupBy(t => t.Tool)) Console.WriteLine($"{group.Key}: {Sweep.Summary([.. group])}");
foreach (var t in trials.Where(t => t.Outcome > Outcome.CleanError)) Console.WriteLine($"{t.Outcome} {t.Tool}: {t.Injection}: {t.Detail}");
return 0;
