using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Rigs;

/// <summary>Plans in a real store whose runs nobody carries out: whoever stands in for the scheduler says what becomes of them.</summary>
internal abstract class StandInPlans(IPlanStore store, MigrationStore migrations) : IPlanService
{
    private readonly Lock gate = new();
    private readonly List<(string? Run, Channel<RunNews> Channel)> watchers = [];
    private readonly Dictionary<string, PlanRun> ordered = new(StringComparer.Ordinal);
    private int runs;

    /// <inheritdoc/>
    public IPlanStore Store => store;

    /// <inheritdoc/>
    public MigrationStore Migrations => migrations;

    /// <summary>How many watch.</summary>
    public int Watchers
    {
        get { lock (gate) return watchers.Count; }
    }

    /// <summary>What was ordered.</summary>
    public List<RunOrder> Orders { get; } = [];

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDocument>> ApplyAsync(IReadOnlyList<Document> documents, CancellationToken cancel) => store.PutAllAsync([.. documents.Select(d => new DocumentChange(d, null))], cancel);

    /// <inheritdoc/>
    public Task ArchiveAsync(string plan, bool archived, CancellationToken cancel) => store.SetArchivedAsync(plan, archived, cancel);

    /// <inheritdoc/>
    public abstract Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel);

    /// <inheritdoc/>
    public abstract Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel);

    /// <summary>Begins a run of a stored plan, whose machines wait.</summary>
    public virtual async Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel)
    {
        var stored = await store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw new InvalidOperationException($"There is no plan {plan}");
        var id = $"261127-000000-t{Interlocked.Increment(ref runs):00}";
        return await store.CreateRunAsync(
            new PlanRun(id, plan, stored.Generation, PlanRunState.Running, 1, DateTimeOffset.UtcNow, null, actor, [stored.Document]),
            [.. ((PlanDocument)stored.Document).Spec.Vms.Select(m => new MachineRun { Run = id, Machine = m.Name, Wave = m.Wave, State = MachineRunState.Waiting })],
            cancel);
    }

    /// <summary>Begins a run, once for each name of a document.</summary>
    public async Task<OrderedRun> BeginAsync(MigrationDocument order, string actor, CancellationToken cancel)
    {
        lock (gate)
            if (ordered.TryGetValue(order.Metadata.Name, out var known)) return new OrderedRun(known, IsBegun: false);
        var run = await RunAsync(order.Spec.Plan.Name, order.Spec.Cutover, actor, cancel);
        lock (gate) ordered.Add(order.Metadata.Name, run);
        return new OrderedRun(run, IsBegun: true);
    }

    /// <summary>Remembers it, and no more.</summary>
    public virtual Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        lock (gate) Orders.Add(order);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<RunNews> WatchAsync(string? run, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = NewChannel();
        lock (gate) watchers.Add((run, channel));
        try
        {
            await foreach (var news in channel.Reader.ReadAllAsync(cancel)) yield return news;
        }
        finally
        {
            lock (gate) watchers.Remove((run, channel));
        }
    }

    /// <summary>Tells those who watch a run, or all of them.</summary>
    /// <param name="run">The run; null for whoever watches.</param>
    /// <param name="news">What.</param>
    public void Tell(string? run, RunNews news)
    {
        lock (gate)
        {
            foreach (var (wanted, channel) in watchers)
                if ((run is null || wanted is null || wanted == run) && !channel.Writer.TryWrite(news)) throw new InvalidOperationException("A watcher does not take what it is told");
        }
    }

    /// <summary>What lies between the teller and a reader: all of it, unless said otherwise.</summary>
    protected virtual Channel<RunNews> NewChannel() => Channel.CreateUnbounded<RunNews>();
}
