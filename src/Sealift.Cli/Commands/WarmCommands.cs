using System.CommandLine;
using Sealift.Cli.Terminal;
using Sealift.Migrations;
using Sealift.Providers;

namespace Sealift.Cli.Commands;

/// <summary>The commands on the migration of a running machine: cutover, pace, cleanup.</summary>
internal static class WarmCommands
{
    public static IEnumerable<Command> Build(Func<Argument<string>> migration) => [Cutover(migration()), Pace(migration()), Cleanup()];

    private static Command Cutover(Argument<string> id)
    {
        var at = new Option<string>("--at") { Description = "When: 'now', or a time such as 2026-11-28T22:00.", HelpName = "WHEN", DefaultValueFactory = _ => "now" };
        var command = new Command("cutover", "Shut the running machine of a migration down, copy the last difference, and hand the new machine over.") { id, at };
        command.SetAction(parsed =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var when = SourceName.Instant("--at", parsed.GetValue(at)!);
            return Said(parsed, MigrationRunner.Steer(store, parsed.GetValue(id)!, s => s with { CutoverAt = when }));
        });
        return command.WithExamples("sealift cutover 261126", "sealift cutover 261126 --at 2026-11-28T22:00");
    }

    private static Command Pace(Argument<string> id)
    {
        var interval = new Option<string?>("--interval") { Description = "Time from the end of a pass to the next.", HelpName = "TIME" };
        var pause = new Option<bool>("--pause") { Description = "Begin no further pass." };
        var go = new Option<bool>("--continue") { Description = "Begin passes again." };
        var command = new Command("pace", "Change how often a running machine is copied, or pause it.") { id, interval, pause, go };
        command.Validators.Add(result =>
        {
            if (result.GetValue(pause) && result.GetValue(go)) result.AddError("--pause and --continue contradict each other.");
        });
        command.SetAction(parsed =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var time = parsed.GetValue(interval) is { } text ? Quantities.ParseTime(text) ?? throw CliErrors.BadValue("--interval", text, "a time such as 90s or 10m") : (TimeSpan?)null;
            return Said(parsed, MigrationRunner.Steer(store, parsed.GetValue(id)!, s => s with
            {
                Interval = time ?? s.Interval,
                IsPaused = parsed.GetValue(pause) || (s.IsPaused && !parsed.GetValue(go)),
            }));
        });
        return command.WithExamples("sealift pace 261126 --interval 10m", "sealift pace 261126 --pause");
    }

    private static int Said(ParseResult parsed, Steering steering)
    {
        if (parsed.GetValue(GlobalOptions.Json))
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "steered");
                if (steering.CutoverAt is { } at && at != Steering.WhenAsked) w.WriteString("cutoverAt", at);
                w.WriteBoolean("paused", steering.IsPaused);
                if (steering.Interval is { } interval) w.WriteNumber("intervalSeconds", interval.TotalSeconds);
            });
            return ExitCode.Success;
        }

        if (steering.CutoverAt is { } when && when != Steering.WhenAsked) Console.Out.WriteLine($"cutover  {(when <= DateTimeOffset.UtcNow ? "now" : when.ToLocalTime().ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture))}");
        Console.Out.WriteLine($"passes   {(steering.IsPaused ? "paused" : steering.Interval is { } every ? $"every {Quantities.Time(every)}" : "as planned")}");
        return ExitCode.Success;
    }

    private static Command Cleanup()
    {
        var source = new Argument<string>("SOURCE") { Description = $"A running machine as {RunningSource.Forms}." };
        var remove = new Option<bool>("--remove") { Description = "Remove what is found. A warm migration that is still to go on begins with a full pass then." };
        var command = new Command("cleanup", "Show what Sealift left at a source, and remove it where asked to.") { source, remove };
        command.SetAction(async (parsed, cancel) =>
        {
            var name = parsed.GetValue(source)!;
            if (!RunningSource.Is(name)) throw CliErrors.BadValue("SOURCE", name, $"a running machine as {RunningSource.Forms}");
            await using var machine = await RunningSource.ConnectAsync(RunningSource.Full(name), new VSphereRegistry(GlobalOptions.StateDirectory(parsed)).Access, cancel);
            var found = await machine.LeftoversAsync(RunningSource.Prefix, cancel);
            if (parsed.GetValue(remove)) await machine.RemoveAsync(RunningSource.Prefix, keepBitmaps: false, cancel);
            var left = parsed.GetValue(remove) ? await machine.LeftoversAsync(RunningSource.Prefix, cancel) : found;
            foreach (var one in found) Say(parsed.GetValue(GlobalOptions.Json), left.Contains(one) ? "found" : "removed", one);
            if (found.Count == 0 && !parsed.GetValue(GlobalOptions.Json)) Console.Out.WriteLine("Nothing of Sealift's is there.");
            return ExitCode.Success;
        });
        return command.WithExamples("sealift cleanup qmp:/run/vm/web01.qmp", "sealift cleanup --remove qmp:/run/vm/web01.qmp");

        static void Say(bool json, string what, string name)
        {
            if (!json)
            {
                Console.Out.WriteLine($"{what,-8} {ErrorReport.Printable(name)}");
                return;
            }

            JsonLine.Write(w =>
            {
                w.WriteString("event", what);
                w.WriteString("name", name);
            });
        }
    }
}
