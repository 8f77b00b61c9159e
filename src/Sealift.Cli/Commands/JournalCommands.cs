using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json;
using Sealift.Cli.Terminal;
using Sealift.Migrations;

namespace Sealift.Cli.Commands;

/// <summary>The commands on migrations that the journal knows: list, show, resume, cancel, remove.</summary>
internal static class JournalCommands
{
    public static IEnumerable<Command> Build() => [Resume(), List(), Show(), Cancel(), Remove(), .. WarmCommands.Build(MigrationArgument)];

    /// <summary>The id of a migration, or the beginning of one.</summary>
    public static Argument<string> MigrationArgument() => new("MIGRATION")
    {
        Description = "The id of a migration, or the beginning of one; 'sealift list' shows them.",
        HelpName = "MIGRATION", // without it the help would ask for the completions below
        CompletionSources = { context => KnownIds(GlobalOptions.StateDirectory(context.ParseResult)) },
    };

    private static List<CompletionItem> KnownIds(string stateDirectory)
    {
        // Pressing TAB never creates anything.
        if (!Directory.Exists(stateDirectory)) return [];
        using var store = new MigrationStore(stateDirectory);
        return [.. store.List().Select(m => new CompletionItem(m.Id))];
    }

    private static Command Resume()
    {
        var id = MigrationArgument();
        var command = new Command("resume", "Go on with a migration that was interrupted, or that failed for a cause that is gone now.") { id };
        command.SetAction(async (parsed, cancel) =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            store.Keys = LuksKeys.Read(store.KeysNeeded(parsed.GetValue(id)!));
            return await MigrationView.RunAsync(parsed.GetValue(GlobalOptions.Json), observer => MigrationRunner.ResumeAsync(store, parsed.GetValue(id)!, observer, cancel));
        });
        return command.WithExamples("sealift resume 261123");
    }

    private static Command List()
    {
        var command = new Command("list", "List the migrations.");
        command.SetAction(parsed =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var all = store.List();
            if (parsed.GetValue(GlobalOptions.Json))
            {
                foreach (var one in all) Console.Out.WriteLine(JsonSerializer.Serialize(one, MigrationJson.Default.MigrationSummary));
                return ExitCode.Success;
            }

            if (all.Count == 0) Console.Out.WriteLine("No migrations yet. Start one with 'sealift migrate'.");
            foreach (var one in all)
            {
                var state = one.Verdict?.ToString() ?? (one.State == MigrationState.Interrupted ? $"interrupted in {one.Step}" : $"running {one.Step}");
                Console.Out.WriteLine($"{one.Id}  {state.ToLowerInvariant(),-24}  {one.CreatedAt.ToLocalTime():yyyy-MM-dd HH:mm}  {ErrorReport.Printable(one.Machine)} -> {one.TargetDirectory}");
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static Command Show()
    {
        var id = MigrationArgument();
        var command = new Command("show", "Show a migration: its plan, its steps, and every file that it made.") { id };
        command.SetAction(parsed =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var details = store.Show(parsed.GetValue(id)!);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(details, MigrationJson.Default.MigrationDetails));
                return ExitCode.Success;
            }

            Write(details);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Write(MigrationDetails details)
    {
        var (summary, request) = (details.Summary, details.Request);
        Console.Out.WriteLine($"migration  {summary.Id}");
        Console.Out.WriteLine($"machine    {ErrorReport.Printable(summary.Machine)}");
        foreach (var source in request.Sources) Console.Out.WriteLine($"source     {ErrorReport.Printable(source)}");
        Console.Out.WriteLine($"target     {request.TargetDirectory} ({request.Format.ToString().ToLowerInvariant()})");
        if (request.Target.Libvirt is { } libvirt) Console.Out.WriteLine($"receiver   {ErrorReport.Printable(TargetText.Of(libvirt))}");
        Console.Out.WriteLine($"state      {summary.State.ToString().ToLowerInvariant()}{(summary.Verdict is { } verdict ? $", {verdict.ToString().ToLowerInvariant()}" : string.Empty)}");
        Console.Out.WriteLine($"logs       {details.StateDirectory}");
        Console.Out.WriteLine("steps");
        foreach (var step in details.Steps)
            Console.Out.WriteLine($"  {StepText.Name(step.Step, step.Disk),-20} {step.State.ToString().ToLowerInvariant(),-8} {ErrorReport.Printable(step.Summary.ReplaceLineEndings(" "))}");
        if (details.Artefacts.Count > 0) Console.Out.WriteLine("files made");
        foreach (var artefact in details.Artefacts) Console.Out.WriteLine($"  {artefact.Kind,-16} {artefact.Path}{(artefact.HandedOver ? " (handed over)" : string.Empty)}");
        if (details.Outcome is null) return;
        foreach (var line in StepText.Of(details.Outcome)) Console.Out.WriteLine(line);
    }

    private static Command Cancel()
    {
        var id = MigrationArgument();
        var command = new Command("cancel", "Cancel a migration: nothing is handed over. Files that it made stay until 'sealift remove'.") { id };
        command.SetAction(async (parsed, cancel) =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var json = parsed.GetValue(GlobalOptions.Json);
            var outcome = await MigrationRunner.CancelAsync(store, parsed.GetValue(id)!, MigrationView.Quiet(json), cancel);
            if (outcome is null)
            {
                if (!json) Console.Out.WriteLine("The process that works on it was told to stop; 'sealift show' says when it has.");
            }
            else if (json)
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(outcome, MigrationJson.Default.MigrationOutcome));
            }
            else
            {
                foreach (var line in StepText.Of(outcome)) Console.Out.WriteLine(line);
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static Command Remove()
    {
        var id = MigrationArgument();
        var everything = new Option<bool>("--handed-over") { Description = "Remove the machine that was handed over as well: disks, domain, start script and seal. A domain that Sealift defined must be off." };
        var command = new Command("remove", "Remove what Sealift made for a migration, and nothing else.") { id, everything };
        command.SetAction(async (parsed, _) =>
        {
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            var report = await MigrationRunner.RemoveAsync(store, parsed.GetValue(id)!, parsed.GetValue(everything));
            var json = parsed.GetValue(GlobalOptions.Json);
            foreach (var path in report.Removed) Say(json, "removed", path);
            foreach (var path in report.Kept) Say(json, "kept", path);
            return ExitCode.Success;
        });
        return command.WithExamples("sealift remove 261123", "sealift remove --handed-over 261123");

        static void Say(bool json, string what, string path)
        {
            if (!json)
            {
                Console.Out.WriteLine($"{what,-8} {path}");
                return;
            }

            JsonLine.Write(w =>
            {
                w.WriteString("event", what);
                w.WriteString("path", path);
            });
        }
    }
}
