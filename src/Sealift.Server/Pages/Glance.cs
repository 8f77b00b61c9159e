using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Server.Pages;

/// <summary>What the overview shows, put together once for all who look at it within two seconds: many browsers cost as much as one.</summary>
internal sealed class Glance(IPlanService plans, TimeProvider time) : IDisposable
{
    private const int RunsLookedAt = 50, MigrationsShown = 8, WindowsShown = 6, MachinesShown = 25;
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim gate = new(1);
    private (DateTimeOffset At, GlanceView View)? last;

    /// <inheritdoc/>
    public void Dispose() => gate.Dispose();

    /// <summary>How all stands.</summary>
    public async Task<GlanceView> LookAsync(CancellationToken cancel)
    {
        await gate.WaitAsync(cancel);
        try
        {
            if (last is { } known && time.GetUtcNow() - known.At < Freshness) return known.View;
            var view = await ReadAsync(cancel);
            last = (time.GetUtcNow(), view);
            return view;
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<GlanceView> ReadAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var runs = new List<RunGlance>();
        var needy = new List<NeedyMachine>();
        foreach (var run in await plans.Store.RunsAsync(null, unfinishedOnly: false, RunsLookedAt, cancel))
        {
            var isOld = run.State == PlanRunState.Finished && run.EndedAt < now - TimeSpan.FromDays(7);
            if (isOld) continue;
            // Somebody who ran the plan again has dealt with what failed before.
            var isLatest = runs.All(r => r.Run.Plan != run.Plan);
            var states = await plans.Store.CountAsync(run.Id, cancel);
            runs.Add(new RunGlance(run, states.Values.Sum(), states));
            if (!isLatest) continue;
            foreach (var machine in await plans.Store.MachinesAsync(run.Id, cancel))
            {
                if (NeedOf(machine, run) is { } need) needy.Add(new NeedyMachine(run.Plan, machine, need));
            }
        }

        var windows = new List<ComingWindow>();
        foreach (var stored in await plans.Store.ListAsync(DocumentKind.Plan, cancel))
        {
            if (stored.IsArchived || stored.Document is not PlanDocument plan) continue;
            windows.AddRange(plan.Spec.MaintenanceWindows.Where(w => w.End > now).Select(w => new ComingWindow(plan.Metadata.Name, w, plan.Spec.Vms.Count)));
        }

        var migrations = plans.Migrations.List();
        return new GlanceView(
            runs,
            [.. needy.OrderBy(n => n.Need).Take(MachinesShown)],
            needy.Count,
            [.. migrations.Where(m => m.Verdict is not null).OrderByDescending(m => m.EndedAt).Take(MigrationsShown)],
            migrations.Count(m => m.State == MigrationState.Running),
            [.. windows.OrderBy(w => w.Window.Start).Take(WindowsShown)]);
    }

    private static Need? NeedOf(MachineRun machine, PlanRun run) => machine.State switch
    {
        MachineRunState.Stuck => Need.Stuck,
        MachineRunState.Failed => Need.Failed,
        MachineRunState.Following when machine.CutoverAt is null && machine.CutoverBegunAt is null && run.State != PlanRunState.Finished => Need.Cutover,
        _ => null,
    };
}

/// <summary>What the overview shows.</summary>
/// <param name="Runs">Runs that are not over, or ended within a week; the newest first.</param>
/// <param name="Needy">Machines that need somebody, the worst first; only the first of many.</param>
/// <param name="NeedyCount">How many there are.</param>
/// <param name="Ended">Migrations that ended last.</param>
/// <param name="RunningCount">Migrations that run on this server.</param>
/// <param name="Windows">Maintenance windows that are open or to come.</param>
internal sealed record GlanceView(IReadOnlyList<RunGlance> Runs, IReadOnlyList<NeedyMachine> Needy, int NeedyCount, IReadOnlyList<MigrationSummary> Ended, int RunningCount, IReadOnlyList<ComingWindow> Windows);

/// <summary>A run in short.</summary>
internal sealed record RunGlance(PlanRun Run, int Machines, IReadOnlyDictionary<MachineRunState, int> States)
{
    /// <summary>How many machines stand so.</summary>
    public int In(params ReadOnlySpan<MachineRunState> states)
    {
        var sum = 0;
        foreach (var state in states) sum += States.GetValueOrDefault(state);
        return sum;
    }
}

/// <summary>A machine that needs somebody.</summary>
internal sealed record NeedyMachine(string Plan, MachineRun Machine, Need Need);

/// <summary>A maintenance window that is open or to come.</summary>
internal sealed record ComingWindow(string Plan, MaintenanceWindow Window, int Machines);

/// <summary>What a machine needs somebody for, the worst first.</summary>
internal enum Need
{
    /// <summary>It shows no progress.</summary>
    Stuck,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>It is followed, and nobody said when it is cut over.</summary>
    Cutover,
}
