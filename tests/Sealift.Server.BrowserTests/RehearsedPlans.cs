using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Server.BrowserTests;

/// <summary>Plans in the real store, whose machines the test moves.</summary>
internal sealed class RehearsedPlans(IPlanStore store, MigrationStore migrations) : StoredPlans(store, migrations, TimeProvider.System)
{
    private const string Owner = "rehearsal";

    private readonly Lock gate = new();
    private readonly List<Channel<RunNews>> watchers = [];
    private int runs;

    /// <summary>How many watch.</summary>
    public int Watchers
    {
        get { lock (gate) return watchers.Count; }
    }

    /// <summary>What was ordered.</summary>
    public List<RunOrder> Orders { get; } = [];

    public override async Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel)
    {
        var stored = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw ServerErrors.NotFound("plan", plan);
        return await ValidateAsync([stored.Document], plan, progress, cancel);
    }

    public override Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel)
    {
        var spec = documents.OfType<PlanDocument>().Single().Spec;
        return Task.FromResult(new PlanReport([], [.. spec.Vms.Select(m => new MachineForecast(m.Name, m.TargetName ?? m.Name, null, m.Name.Contains("absent", StringComparison.Ordinal) ? [new PlanProblem("SL7641", "spec.vms[0].name", "the source has no machine of this name", "Look for it in the inventory", true)] : []))]));
    }

    public override async Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel)
    {
        var stored = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw ServerErrors.NotFound("plan", plan);
        var document = (PlanDocument)stored.Document;
        var id = $"261127-000000-t{Interlocked.Increment(ref runs):00}";
        var run = await Store.CreateRunAsync(
            new PlanRun(id, plan, stored.Generation, PlanRunState.Running, 1, DateTimeOffset.UtcNow, null, actor, [document]),
            [.. document.Spec.Vms.Select(m => new MachineRun { Run = id, Machine = m.Name, Wave = m.Wave, State = MachineRunState.Waiting })], cancel);
        Assert.True(await Store.LeaseAsync(id, Owner, TimeSpan.FromHours(1), cancel));
        return run;
    }

    public override Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        lock (gate) Orders.Add(order);
        return Task.CompletedTask;
    }

    /// <summary>Moves a machine, and tells those who watch.</summary>
    public async Task MoveAsync(string run, MachineRun machine)
    {
        await Store.UpdateAsync(run, [machine], Owner, CancellationToken.None);
        Tell(new RunNews(null, [machine]));
    }

    /// <summary>Moves a run, and tells those who watch.</summary>
    public async Task MoveAsync(PlanRun run)
    {
        await Store.UpdateAsync(run, Owner, CancellationToken.None);
        Tell(new RunNews(run, []));
    }

    public override async IAsyncEnumerable<RunNews> WatchAsync(string? run, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = Channel.CreateUnbounded<RunNews>();
        lock (gate) watchers.Add(channel);
        try
        {
            await foreach (var news in channel.Reader.ReadAllAsync(cancel)) yield return news;
        }
        finally
        {
            lock (gate) watchers.Remove(channel);
        }
    }

    private void Tell(RunNews news)
    {
        lock (gate)
        {
            foreach (var watcher in watchers) Assert.True(watcher.Writer.TryWrite(news));
        }
    }
}
