using System.Runtime.CompilerServices;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Server;

/// <summary>Plans as they are stored, for a server that carries none out itself: documents, and runs to be watched and steered that another one carries out.</summary>
internal class StoredPlans(IPlanStore store, MigrationStore migrations, TimeProvider time) : IPlanService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public IPlanStore Store => store;

    /// <inheritdoc/>
    public MigrationStore Migrations => migrations;

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDocument>> ApplyAsync(IReadOnlyList<Document> documents, string actor, CancellationToken cancel) =>
        store.PutAllAsync([.. documents.Select(d => new DocumentChange(d, null))], cancel);

    /// <inheritdoc/>
    public virtual Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => throw ServerErrors.CarriesNothingOut("validate a plan", plan);

    /// <inheritdoc/>
    public virtual Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => throw ServerErrors.CarriesNothingOut("validate a plan", plan);

    /// <inheritdoc/>
    public virtual Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel) => throw ServerErrors.CarriesNothingOut("run a plan", plan);

    /// <inheritdoc/>
    public virtual Task OrderAsync(RunOrder order, CancellationToken cancel) => store.OrderAsync(order, cancel);

    /// <inheritdoc/>
    public virtual async IAsyncEnumerable<RunNews> WatchAsync(string? run, [EnumeratorCancellation] CancellationToken cancel)
    {
        var known = new Dictionary<string, (PlanRun Run, Dictionary<string, MachineRun> Machines)>();
        for (var first = true; ; first = false)
        {
            var runs = run is null ? await store.RunsAsync(null, unfinishedOnly: true, 1000, cancel) : await store.FindRunAsync(run, cancel) is { } one ? [one] : [];
            foreach (var now in runs)
            {
                var machines = await store.MachinesAsync(now.Id, cancel);
                known.TryGetValue(now.Id, out var before);
                var changed = machines.Where(m => before.Machines?.GetValueOrDefault(m.Machine) is not { } b || Progress(b) != Progress(m)).ToList();
                var isChanged = before.Run is null || (before.Run.State, before.Run.Wave, before.Run.EndedAt) != (now.State, now.Wave, now.EndedAt);
                known[now.Id] = (now, machines.ToDictionary(m => m.Machine));
                if (!first && (isChanged || changed.Count > 0)) yield return new RunNews(isChanged ? now : null, changed);
            }

            await Task.Delay(Interval, time, cancel);
        }
    }

    private static (MachineRunState, string, long, DateTimeOffset?, Verdict?, int) Progress(MachineRun m) => (m.State, m.Step, m.DoneBytes, m.HeardAt, m.Verdict, m.Reasons.Count);
}
