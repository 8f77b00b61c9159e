using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Server.Tests;

/// <summary>Plans that are kept in the real store, and carried out by the test.</summary>
internal sealed class TestPlans(IPlanStore store, MigrationStore migrations) : StoredPlans(store, migrations, TimeProvider.System)
{
    private readonly Lock gate = new();
    private readonly List<Channel<RunNews>> watchers = [];
    private int runs;

    /// <summary>How many watch.</summary>
    public int Watchers
    {
        get { lock (gate) return watchers.Count; }
    }

    public List<RunOrder> Orders { get; } = [];

    public override Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) =>
        Task.FromResult(new PlanReport([new PlanProblem("SL7640", "spec.vms[0]", $"looked at {plan}", "Nothing", false)], []));

    public override Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => ValidateAsync(plan, progress, cancel);

    public override async Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel)
    {
        var stored = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw ServerErrors.NotFound("plan", plan);
        var id = $"261127-000000-t{Interlocked.Increment(ref runs):00}";
        var run = new PlanRun(id, plan, stored.Generation, PlanRunState.Running, 1, DateTimeOffset.UtcNow, null, actor, [stored.Document]);
        return await Store.CreateRunAsync(run, [.. ((PlanDocument)stored.Document).Spec.Vms.Select(m => new MachineRun { Run = id, Machine = m.Name, Wave = 1, State = MachineRunState.Waiting })], cancel);
    }

    public override async Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        await base.OrderAsync(order, cancel);
        lock (gate) Orders.Add(order);
    }

    /// <summary>Tells those who watch.</summary>
    public void Tell(RunNews news)
    {
        lock (gate)
        {
            foreach (var watcher in watchers) Assert.True(watcher.Writer.TryWrite(news));
        }
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
}
