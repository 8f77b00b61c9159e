using Sealift.Plans;
using Sealift.Plans.Runs;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Sealift.Cli.Terminal;

/// <summary>Shows a run while it is carried out: a table that is redrawn on a terminal, a line for each change elsewhere, JSON where asked for.</summary>
internal sealed class RunView
{
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(250);

    private readonly Lock gate = new();
    private readonly bool json;
    private readonly Dictionary<string, MachineRun> machines;
    private readonly List<MachineRun> ended = [];
    private PlanRun run;

    /// <summary>A view that begins with a run as it stands.</summary>
    public RunView(bool json, PlanRun run, IReadOnlyList<MachineRun> machines)
    {
        (this.json, this.run) = (json, run);
        this.machines = machines.ToDictionary(m => m.Machine, StringComparer.Ordinal);
    }

    /// <summary>Shows news until they end.</summary>
    public async Task ShowAsync(IAsyncEnumerable<RunNews> news, CancellationToken end)
    {
        if (json || Console.IsOutputRedirected)
        {
            await foreach (var one in news) Tell(one);
            return;
        }

        var taking = TakeAsync(news);
        await AnsiConsole.Live(Draw()).Overflow(VerticalOverflow.Ellipsis).Cropping(VerticalOverflowCropping.Bottom).StartAsync(async live =>
        {
            while (!end.IsCancellationRequested)
            {
                live.UpdateTarget(Draw());
                await Task.Delay(RedrawInterval, end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // the loop asks
            }

            live.UpdateTarget(Draw());
        });
        await taking;
        AnsiConsole.WriteLine();
    }

    private async Task TakeAsync(IAsyncEnumerable<RunNews> news)
    {
        await foreach (var one in news)
        {
            lock (gate)
            {
                run = one.Run ?? run;
                foreach (var machine in one.Machines)
                {
                    if (machine.IsOver && machines.GetValueOrDefault(machine.Machine) is not { IsOver: true }) ended.Add(machine);
                    machines[machine.Machine] = machine;
                }
            }
        }
    }

    private void Tell(RunNews news)
    {
        if (news.Run is { } changed)
        {
            var isNews = (changed.State, changed.Wave) != (run.State, run.Wave);
            run = changed;
            if (json) RunText.WriteJson(run);
            else if (isNews) Console.Out.WriteLine($"{Now} run {run.Id}: {run.State.ToString().ToLowerInvariant()}, wave {run.Wave}");
        }

        foreach (var machine in news.Machines)
        {
            var before = machines.GetValueOrDefault(machine.Machine);
            machines[machine.Machine] = machine;
            if (json) RunText.WriteJson(machine);
            // A line where it stands elsewhere than before; how far a step is would flood a log.
            else if (before is null || (before.State, before.Verdict, before.Step) != (machine.State, machine.Verdict, machine.Step))
                Console.Out.WriteLine($"{Now} {ErrorReport.PrintableLine(machine.Machine)}: {RunText.Stands(machine)}{(machine.Reasons.Count > 0 ? $"; {ErrorReport.PrintableLine(machine.Reasons[0])}" : string.Empty)}");
        }
    }

    private static string Now => DateTimeOffset.Now.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    private Rows Draw()
    {
        lock (gate)
        {
            var counts = machines.Values.CountBy(m => m.State).ToDictionary();
            var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
            // As many as the screen has room for; all of them are in 'sealift plan status'.
            var room = Math.Max(5, AnsiConsole.Profile.Height - 8);
            foreach (var machine in machines.Values.Where(m => !m.IsOver && m.State != MachineRunState.Waiting).OrderBy(m => m.State != MachineRunState.Stuck).ThenBy(m => m.StartedAt).Take(room))
                grid.AddRow(new Text(ErrorReport.PrintableLine(machine.Machine)), new Text(RunText.Stands(machine), new Style(machine.State == MachineRunState.Stuck ? Color.Red : Color.Yellow)), new Text(machine.TotalBytes > 0 ? $"{Quantities.Size(machine.DoneBytes)} of {Quantities.Size(machine.TotalBytes)}" : string.Empty, new Style(Color.Grey)));
            foreach (var machine in ended.TakeLast(Math.Max(3, room - counts.Where(c => c.Key is not (MachineRunState.Waiting or MachineRunState.Succeeded or MachineRunState.Failed or MachineRunState.Cancelled)).Sum(c => c.Value))))
                grid.AddRow(new Text(ErrorReport.PrintableLine(machine.Machine)), new Text(RunText.Stands(machine), new Style(machine.State == MachineRunState.Succeeded ? Color.Green : Color.Red)), new Text(machine.Reasons.Count > 0 ? ErrorReport.PrintableLine(machine.Reasons[0]) : string.Empty, new Style(Color.Grey)));
            var title = $"{ErrorReport.PrintableLine(run.Plan)}   {run.Id}   {run.State.ToString().ToLowerInvariant()}, wave {run.Wave}";
            return new Rows(new Text(title, new Style(decoration: Decoration.Bold)), new Text(RunText.Counted(counts)), grid);
        }
    }
}
