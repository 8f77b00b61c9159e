using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>A store in memory, as durable as the test that holds it: it survives the schedulers that die on it.</summary>
public sealed class MemoryPlanStore(TimeProvider time) : IPlanStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, PlanRun> runs = [];
    private readonly Dictionary<string, Dictionary<string, MachineRun>> machines = [];
    private readonly Dictionary<string, (string Owner, DateTimeOffset Until)> leases = [];
    private readonly List<StoredOrder> orders = [];
    private readonly Dictionary<(string, string), StoredDocument> documents = [];
    private long number;

    /// <summary>Called before each write, with who writes; what it throws is what the store says.</summary>
    public Action<string>? BeforeWrite { get; set; }

    /// <summary>Called before a run is written.</summary>
    public Action<PlanRun>? BeforeUpdate { get; set; }

    /// <summary>Runs whose machines cannot be read.</summary>
    public HashSet<string> Damaged { get; } = [];

    /// <summary>Whether nothing answers.</summary>
    public bool IsGone { get; set; }

    public int Writes { get; private set; }

    public static SealiftException Gone() => new("SL0000", "reach the store", "memory", "it is gone", "Wait");

    public Task<IReadOnlyList<StoredDocument>> ListAsync(string kind, CancellationToken cancel) => Do<IReadOnlyList<StoredDocument>>(() => [.. documents.Where(d => d.Key.Item1 == kind).Select(d => d.Value)]);

    public Task<StoredDocument?> FindAsync(string kind, string name, CancellationToken cancel) => Do(() => documents.GetValueOrDefault((kind, name)));

    public Task<StoredDocument> PutAsync(Document document, long? expected, CancellationToken cancel) => Do(() => documents[(document.Kind, document.Metadata.Name)] = new StoredDocument(document, (documents.GetValueOrDefault((document.Kind, document.Metadata.Name))?.Generation ?? 0) + 1, time.GetUtcNow(), false));

    public Task RemoveAsync(string kind, string name, CancellationToken cancel) => Do(() => documents.Remove((kind, name)));

    public Task SetArchivedAsync(string plan, bool archived, CancellationToken cancel) => Do(() => documents[(DocumentKind.Plan, plan)] = documents[(DocumentKind.Plan, plan)] with { IsArchived = archived });

    public Task<PlanRun> CreateRunAsync(PlanRun run, IReadOnlyList<MachineRun> machines, CancellationToken cancel) => Do(() =>
    {
        runs.Add(run.Id, run);
        this.machines.Add(run.Id, machines.ToDictionary(m => m.Machine));
        return run;
    });

    public Task<IReadOnlyList<PlanRun>> RunsAsync(string? plan, bool unfinishedOnly, int limit, CancellationToken cancel) => Do<IReadOnlyList<PlanRun>>(() =>
        [.. runs.Values.Where(r => (plan is null || r.Plan == plan) && (!unfinishedOnly || r.State != PlanRunState.Finished)).OrderByDescending(r => r.CreatedAt).Take(limit)]);

    public Task<PlanRun?> FindRunAsync(string id, CancellationToken cancel) => Do(() => runs.GetValueOrDefault(id));

    public Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, CancellationToken cancel) => Do<IReadOnlyList<MachineRun>>(() =>
        Damaged.Contains(run) ? throw new SealiftException("SL7620", "use the store", "memory", "a row is damaged", "Nothing") : [.. machines[run].Values]);

    public async Task<IReadOnlyList<StoredDocument>> PutAllAsync(IReadOnlyList<DocumentChange> changes, CancellationToken cancel)
    {
        var stored = new List<StoredDocument>();
        foreach (var change in changes) stored.Add(await PutAsync(change.Document, change.Expected, cancel));
        return stored;
    }

    public Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, int from, int limit, CancellationToken cancel) => Do<IReadOnlyList<MachineRun>>(() => [.. machines[run].Values.Skip(from).Take(limit)]);

    public Task<MachineRun?> FindMachineAsync(string run, string machine, CancellationToken cancel) => Do(() => machines.GetValueOrDefault(run)?.GetValueOrDefault(machine));

    public Task<IReadOnlyDictionary<MachineRunState, int>> CountAsync(string run, CancellationToken cancel) => Do<IReadOnlyDictionary<MachineRunState, int>>(() => machines[run].Values.GroupBy(m => m.State).ToDictionary(g => g.Key, g => g.Count()));

    public async Task<bool> UpdateAsync(PlanRun run, string owner, CancellationToken cancel)
    {
        BeforeUpdate?.Invoke(run);
        var isWritten = true;
        await Write(run.Id, owner, () =>
        {
            isWritten = run.State != PlanRunState.Finished || !orders.Exists(o => o.Order.Run == run.Id);
            if (isWritten) runs[run.Id] = run;
        });
        return isWritten;
    }

    public Task UpdateAsync(string run, IReadOnlyList<MachineRun> machines, string owner, CancellationToken cancel) => Write(run, owner, () =>
    {
        foreach (var machine in machines) this.machines[run][machine.Machine] = machine;
    });

    public Task<bool> LeaseAsync(string run, string owner, TimeSpan duration, CancellationToken cancel) => Do(() =>
    {
        var now = time.GetUtcNow();
        if (leases.TryGetValue(run, out var held) && held.Owner != owner && held.Until > now) return false;
        leases[run] = (owner, now + duration);
        return true;
    });

    public Task ReleaseAsync(string run, string owner, CancellationToken cancel) => Do(() => leases.TryGetValue(run, out var held) && held.Owner == owner && leases.Remove(run));

    public Task OrderAsync(RunOrder order, CancellationToken cancel) => Do(() =>
    {
        orders.Add(new StoredOrder(++number, order));
        return true;
    });

    public Task<IReadOnlyList<StoredOrder>> OrdersAsync(string run, CancellationToken cancel) => Do<IReadOnlyList<StoredOrder>>(() => [.. orders.Where(o => o.Order.Run == run)]);

    public Task DropOrdersAsync(string run, IReadOnlyList<long> numbers, string owner, CancellationToken cancel) => Write(run, owner, () => orders.RemoveAll(o => numbers.Contains(o.Number)));

    private Task<bool> Write(string run, string owner, Action write) => Do(() =>
    {
        BeforeWrite?.Invoke(owner);
        if (!leases.TryGetValue(run, out var held) || held.Owner != owner || held.Until <= time.GetUtcNow()) throw new SealiftException("SL0001", "write", run, "the lease was lost", "Nothing");
        Writes++;
        write();
        return true;
    });

    private Task<T> Do<T>(Func<T> action)
    {
        if (IsGone) return Task.FromException<T>(Gone());
        try
        {
            lock (gate) return Task.FromResult(action());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}
