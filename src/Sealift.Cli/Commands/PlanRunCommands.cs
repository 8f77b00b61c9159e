using System.CommandLine;
using System.Globalization;
using Sealift.Cli.Terminal;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Cli.Commands;

/// <summary>The commands that carry plans out: run, status, cutover, cancel, continue, retry, archive.</summary>
internal static class PlanRunCommands
{
    private static readonly TimeSpan TroubleInterval = TimeSpan.FromSeconds(1);

    /// <summary>All of them, for <c>sealift plan</c>.</summary>
    public static IEnumerable<Command> Build() =>
    [
        Run(),
        Status(),
        Order("cutover", RunOrderKind.Cutover, "Shut down the running machines of a plan that are followed, copy their last difference, and hand them over; inside the plan's windows and limits.", takesMachine: true, "sealift plan cutover saturday", "sealift plan cutover saturday --machine DC0/vm/web01 --at 2026-11-28T22:00"),
        Order("cancel", RunOrderKind.Cancel, "Cancel a plan that runs, or one machine of it. What was handed over stays.", takesMachine: true, "sealift plan cancel saturday", "sealift plan cancel saturday --machine DC0/vm/web01"),
        Order("continue", RunOrderKind.Continue, "Go on with the waves of a plan that halted because machines failed.", takesMachine: false, "sealift plan continue saturday"),
        Order("retry", RunOrderKind.Retry, "Try again what failed: a migration is resumed where that can be, and otherwise begun anew.", takesMachine: true, "sealift plan retry saturday", "sealift plan retry saturday --machine DC0/vm/web01"),
        Archive(),
    ];

    private static Argument<string> PlanArgument() => new("NAME") { Description = "The name of a plan, whose newest run is meant, or the id of a run.", HelpName = "NAME" };

    private static Command Run()
    {
        var plan = new Argument<string[]>("PLAN") { Description = "The name of a plan that was applied, or files with a plan and the documents that it names, which are applied first.", HelpName = "FILE…|NAME", Arity = ArgumentArity.OneOrMore };
        var cutover = new Option<string?>("--cutover") { Description = "When running machines are cut over: 'now' for as soon as each has been copied, or a time such as 2026-11-28T22:00. By default as the plan says.", HelpName = "WHEN" };
        var detach = new Option<bool>("--detach") { Description = "Only order it: 'sealift serve' on this state directory carries it out." };
        var command = new Command("run", "Carry a plan out, and show how it goes. A run that was interrupted is gone on with; one that a server carries out is only watched.") { plan, cutover, detach };
        command.SetAction(async (parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            await using var opened = await OpenedPlans.OpenAsync(GlobalOptions.StateDirectory(parsed), cancel);
            var service = opened.Service;
            var name = await AppliedAsync(service, parsed.GetValue(plan)!, cancel);
            var at = parsed.GetValue(cutover) is { } when ? SourceName.Instant("--cutover", when) : (DateTimeOffset?)null;
            var going = await service.Store.RunsAsync(name, unfinishedOnly: true, 1, cancel) is [var unfinished, ..] ? unfinished : null;
            if (going is not null && at is not null) await service.OrderAsync(new RunOrder(going.Id, RunOrderKind.Cutover, null, at, Actor), cancel);
            var run = going ?? await service.RunAsync(name, at, Actor, cancel);
            if (parsed.GetValue(detach))
            {
                if (json) RunText.WriteJson(run);
                else Console.Out.WriteLine($"run {run.Id} of plan {run.Plan}; 'sealift plan status {run.Plan}' shows how it goes");
                return ExitCode.Success;
            }

            return await CarryOutAsync(service, run.Id, json, cancel);
        });
        return command.WithExamples("sealift plan run saturday.yaml", "sealift plan run saturday", "sealift plan run saturday --cutover 2026-11-28T22:00");
    }

    /// <summary>Applies files, or takes the name of a plan as it is.</summary>
    private static async Task<string> AppliedAsync(PlanService service, string[] given, CancellationToken cancel)
    {
        if (PlanCommands.StoredName(given) is { } only) return only;
        var documents = await PlanCommands.ReadAsync(given, cancel);
        var plans = documents.OfType<PlanDocument>().ToList();
        if (plans.Count != 1) throw CliErrors.NotOnePlan(string.Join(' ', given), plans.Select(p => p.Metadata.Name));
        _ = await service.ApplyAsync(documents, cancel); // their generations are of no interest here
        return plans[0].Metadata.Name;
    }

    /// <summary>Carries a run out in this process, or watches while another one does, until it is finished or interrupted.</summary>
    private static async Task<int> CarryOutAsync(PlanService service, string run, bool json, CancellationToken cancel)
    {
        using var end = new CancellationTokenSource();
        var store = service.Store;
        var view = new RunView(json, (await store.FindRunAsync(run, CancellationToken.None))!, await store.MachinesAsync(run, CancellationToken.None));
        var showing = view.ShowAsync(service.WatchAsync(run, end.Token), end.Token); // from before the first sign
        var scheduler = service.CreateScheduler(new SchedulerOptions { OnlyRun = run });
        // Interrupted, it leaves off: what was at work is gone on with by the next one.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var work = Task.Run(() => scheduler.RunAsync(CancellationToken.None, stop.Token), CancellationToken.None);
        SealiftException? fatal = null;
        try
        {
            SealiftException? told = null;
            while (await Task.WhenAny(work, Task.Delay(TroubleInterval, CancellationToken.None)) != work)
            {
                if (fatal is not null || scheduler.LastTrouble is not { } trouble || trouble.Message == told?.Message) continue;
                told = trouble;
                // Neither a damaged database nor one that is too new mends itself.
                if (trouble.Code is "SL7620" or "SL7621")
                {
                    fatal = trouble;
                    await stop.CancelAsync();
                }
                else await Console.Error.WriteLineAsync($"{ErrorReport.PrintableLine(trouble.Message)}; it is tried again");
            }

            await work;
        }
        finally
        {
            await end.CancelAsync();
            await showing;
        }

        if (fatal is not null) return ErrorReport.Write(fatal, json);
        var last = (await store.FindRunAsync(run, CancellationToken.None))!;
        var machines = await store.MachinesAsync(run, CancellationToken.None);
        if (last.State != PlanRunState.Finished)
            return ErrorReport.Write(new OperationCanceledException(cancel), json, $"What was at work is journaled: 'sealift plan run {last.Plan}' goes on with it, 'sealift plan cancel {last.Plan}' ends it");
        if (!json) RunText.Write(last, machines);
        return RunText.ExitCodeOf(machines);
    }

    private static Command Status()
    {
        var name = new Argument<string?>("NAME") { Description = "The name of a plan, whose newest run is shown, or the id of a run; without one, the newest runs of all plans.", HelpName = "NAME", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("status", "Show how plans that were run stand.") { name };
        command.SetAction(async (parsed, cancel) =>
        {
            const int Newest = 50;
            var json = parsed.GetValue(GlobalOptions.Json);
            await using var opened = await OpenedPlans.OpenAsync(GlobalOptions.StateDirectory(parsed), cancel);
            var store = opened.Service.Store;
            if (parsed.GetValue(name) is not { } one)
            {
                var runs = await store.RunsAsync(null, unfinishedOnly: false, Newest, cancel);
                if (runs.Count == 0 && !json) Console.Out.WriteLine("No plan was run yet. Run one with 'sealift plan run'.");
                foreach (var r in runs)
                {
                    if (json) RunText.WriteJson(r);
                    else Console.Out.WriteLine(RunText.Line(r, await store.CountAsync(r.Id, cancel)));
                }

                return ExitCode.Success;
            }

            var run = await opened.FindRunAsync(one, cancel);
            var machines = RunWaits.Fill(run, await store.MachinesAsync(run.Id, cancel), TimeProvider.System.GetUtcNow());
            if (json)
            {
                RunText.WriteJson(run);
                foreach (var machine in machines) RunText.WriteJson(machine);
            }
            else RunText.Write(run, machines);
            return ExitCode.Success;
        });
        return command.WithExamples("sealift plan status", "sealift plan status saturday");
    }

    private static Command Order(string verb, RunOrderKind kind, string description, bool takesMachine, params string[] examples)
    {
        var name = PlanArgument();
        var machine = new Option<string?>("--machine") { Description = "Only this machine, as the plan calls it.", HelpName = "NAME" };
        var at = new Option<string>("--at") { Description = "When: 'now', or a time such as 2026-11-28T22:00.", HelpName = "WHEN", DefaultValueFactory = _ => "now" };
        var command = new Command(verb, description) { name };
        if (takesMachine) command.Options.Add(machine);
        if (kind == RunOrderKind.Cutover) command.Options.Add(at);
        command.SetAction(async (parsed, cancel) =>
        {
            await using var opened = await OpenedPlans.OpenAsync(GlobalOptions.StateDirectory(parsed), cancel);
            var run = await opened.FindRunAsync(parsed.GetValue(name)!, cancel);
            var one = takesMachine ? parsed.GetValue(machine) : null;
            var when = kind == RunOrderKind.Cutover && parsed.GetValue(at) is { } text && text != "now" ? SourceName.Instant("--at", text) : (DateTimeOffset?)null;
            await opened.Service.OrderAsync(new RunOrder(run.Id, kind, one, when, Actor), cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                JsonLine.Write(w =>
                {
                    w.WriteString("event", "ordered");
                    w.WriteString("order", verb);
                    w.WriteString("run", run.Id);
                    if (one is not null) w.WriteString("machine", one);
                });
            }
            else
            {
                Console.Out.WriteLine(kind == RunOrderKind.Retry && run.State == PlanRunState.Finished
                    ? $"run {run.Id} is open again; 'sealift plan run {run.Plan}' carries it out where no server does"
                    : $"run {run.Id}: {verb}{(one is null ? string.Empty : $" {ErrorReport.PrintableLine(one)}")}; whoever carries it out does so within seconds");
            }

            return ExitCode.Success;
        });
        return command.WithExamples(examples);
    }

    private static Command Archive()
    {
        var name = new Argument<string>("NAME") { Description = "The name of a plan.", HelpName = "NAME" };
        var undo = new Option<bool>("--undo") { Description = "Show it in lists again." };
        var command = new Command("archive", "Hide a plan that is done with from lists. Its runs and seals stay.") { name, undo };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var opened = await OpenedPlans.OpenAsync(GlobalOptions.StateDirectory(parsed), cancel);
            await opened.Service.ArchiveAsync(parsed.GetValue(name)!, !parsed.GetValue(undo), cancel);
            return ExitCode.Success;
        });
        return command.WithExamples("sealift plan archive saturday", "sealift plan archive saturday --undo");
    }

    /// <summary>Who asks: the user of the command, by the name that the system knows.</summary>
    internal static string Actor => string.Create(CultureInfo.InvariantCulture, $"{Environment.UserName}@{Environment.MachineName}");
}
