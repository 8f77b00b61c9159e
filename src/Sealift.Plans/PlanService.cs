using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Plans.Validation;
using Sealift.Posix;

namespace Sealift.Plans;

/// <summary>All that can be done with plans, on a store and a state directory of this host.</summary>
public sealed class PlanService : IPlanService
{
    private const string OrderedPrefix = "run_";

    // Each machine that is looked at costs connections to its source; validation is days before, and not in a hurry.
    private const int LooksAtOnce = 4;

    private readonly TimeProvider time;
    private readonly RunNewsHub news;
    private readonly MigrationIds ids;
    private readonly Lock gate = new();
    private readonly List<Scheduler> schedulers = [];

    /// <summary>Makes one.</summary>
    /// <param name="store">The plans.</param>
    /// <param name="migrations">The state directory.</param>
    /// <param name="time">The clock.</param>
    public PlanService(IPlanStore store, MigrationStore migrations, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(migrations);
        (Store, Migrations, this.time) = (store, migrations, time);
        ids = new MigrationIds(time);
        news = new RunNewsHub(store, time, IsOurs);
    }

    /// <inheritdoc/>
    public IPlanStore Store { get; }

    /// <inheritdoc/>
    public MigrationStore Migrations { get; }

    /// <summary>A scheduler that carries runs out in this process, with the migrations of this state directory. It does nothing before it is run.</summary>
    /// <param name="options">How it keeps time, and whether it is for one run.</param>
    public Scheduler CreateScheduler(SchedulerOptions options)
    {
        var runner = new LocalRunner(Migrations, RequestOf, time);
        var scheduler = new Scheduler(Store, runner, news, options, time, PlaceOf(Migrations.StateDirectory), ids.Next);
        lock (gate) schedulers.Add(scheduler);
        return scheduler;
    }

    /// <summary>What names a state directory among all that share a store: the host and its path.</summary>
    public static string PlaceOf(string stateDirectory) => $"{Environment.MachineName}:{stateDirectory}";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredDocument>> ApplyAsync(IReadOnlyList<Document> documents, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(documents);
        await AppliedPlans.DemandAsync(Store, documents, time.GetUtcNow(), cancel);
        return await Store.PutAllAsync([.. documents.Select(d => new DocumentChange(d, null))], cancel);
    }

    /// <inheritdoc/>
    public async Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) =>
        await PlanValidation.LookAsync(Migrations, (await FindAsync(plan, cancel)).Documents, time.GetUtcNow(), LooksAtOnce, progress, cancel);

    /// <inheritdoc/>
    public async Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(documents);
        // What is not among them may be stored.
        List<Document> all = [.. await AllAsync(cancel), .. documents];
        var found = all.OfType<PlanDocument>().LastOrDefault(p => p.Metadata.Name == plan) ?? throw PlanErrors.NoSuchPlan(plan);
        return await PlanValidation.LookAsync(Migrations, new PlanDocuments(found, all), time.GetUtcNow(), LooksAtOnce, progress, cancel);
    }

    /// <inheritdoc/>
    public Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel)
    {
        var id = MigrationStore.NewId(time.GetUtcNow(), letters: 4);
        return CreateAsync(plan, id, cutover is null ? null : new MigrationDocument { Metadata = new DocumentMetadata { Name = id }, Spec = new MigrationSpec { Plan = new DocumentReference { Name = plan }, Cutover = cutover } }, actor, cancel);
    }

    /// <inheritdoc/>
    public async Task<OrderedRun> BeginAsync(MigrationDocument order, string actor, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(order);
        var (name, plan) = (order.Metadata.Name, order.Spec.Plan.Name);
        // No document has an underscore in its name: so a run that was ordered is not taken for another, nor for a plan.
        var id = $"{OrderedPrefix}{name}";
        var run = await Store.FindRunAsync(id, cancel);
        if (run is null)
        {
            try
            {
                return new OrderedRun(await CreateAsync(plan, id, order, actor, cancel), IsBegun: true);
            }
            catch (SealiftException e) when (e.Code == "SL7626")
            {
                // Another run of the plan; or somebody else began this one just now.
                run = await Store.FindRunAsync(id, cancel);
                if (run is null) throw;
            }
        }

        if (run.Plan != plan) throw PlanErrors.OrderedOtherwise(name, run.Plan, plan);
        if (run.State == PlanRunState.Finished) return new OrderedRun(run, IsBegun: false);
        if (order.Spec.Cutover is { } at && await IsOtherwiseAsync(run, at, cancel)) await OrderAsync(new RunOrder(id, RunOrderKind.Cutover, null, at, actor), cancel);
        foreach (var named in order.Spec.Cancel)
        {
            var machine = await Store.FindMachineAsync(id, named.Name, cancel) ?? throw PlanErrors.NoSuchMachine(id, named.Name);
            if (!machine.IsOver && machine.State != MachineRunState.Cancelling) await OrderAsync(new RunOrder(id, RunOrderKind.Cancel, named.Name, null, actor), cancel);
        }

        return new OrderedRun(run, IsBegun: false);
    }

    /// <summary>Whether a machine that is still to be cut over is so at another time than a document says. What it said before is of no interest.</summary>
    private async Task<bool> IsOtherwiseAsync(PlanRun run, DateTimeOffset at, CancellationToken cancel)
    {
        return (await Store.MachinesAsync(run.Id, cancel)).Any(m => IsWarm(run, m.Machine) && m is { IsOver: false, CutoverBegunAt: null } && (m.CutoverAt ?? run.Cutover) != at);
    }

    private async Task<PlanRun> CreateAsync(string plan, string id, MigrationDocument? order, string actor, CancellationToken cancel)
    {
        var (stored, documents) = await FindAsync(plan, cancel);
        var now = time.GetUtcNow();
        var obstacles = PlanValidation.Check(documents, now).Where(p => p.IsObstacle).Select(p => $"{p.Code}: {(p.Field.Length > 0 ? $"{p.Field}: " : string.Empty)}{p.Said}").ToList();
        if (order?.Spec.Cutover is { } cutover && cutover > now && !IsInWindow(documents.Plan.Spec.MaintenanceWindows, cutover)) obstacles.Add($"SL7639: spec.cutover: {OutOfWindows}");
        if (obstacles.Count > 0) throw PlanErrors.CannotRun(plan, obstacles);
        var hosts = await SourceHosts.OfAsync(documents, Migrations.StateDirectory, cancel);
        List<Document> named = [.. documents.Named()];
        if (order is not null) named.Add(order);
        var spec = documents.Plan.Spec;
        var cancelled = order?.Spec.Cancel.Select(c => c.Name).ToHashSet(StringComparer.Ordinal) ?? [];
        if (cancelled.FirstOrDefault(c => spec.Vms.All(m => m.Name != c)) is { } unknown) throw PlanErrors.NoSuchMachine(id, unknown);
        // TimeProvider's ticks are finer than the store's: what is read back later is what is returned now.
        var run = new PlanRun(id, plan, stored.Generation, PlanRunState.Running, spec.Vms.Min(m => m.Wave), DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()), null, actor, named);
        var created = await Store.CreateRunAsync(run, [.. spec.Vms.Select((m, i) => new MachineRun { Run = id, Machine = m.Name, Wave = m.Wave, State = MachineRunState.Waiting, Host = hosts[i] }).Select(m => cancelled.Contains(m.Machine) ? m with { State = MachineRunState.Cancelled, Reasons = [$"{actor} cancelled it."], EndedAt = now } : m)], cancel);
        news.Tell(new RunNews(created, []));
        return created;
    }

    /// <inheritdoc/>
    public async Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(order);
        var run = await Store.FindRunAsync(order.Run, cancel) ?? throw PlanErrors.NoSuchRun(order.Run);
        var subject = order.Machine is { } named ? $"{named} in run {run.Id}" : $"run {run.Id}";
        MachineRun? machine = null;
        if (order.Machine is not null) machine = await Store.FindMachineAsync(order.Run, order.Machine, cancel) ?? throw PlanErrors.NoSuchMachine(run.Id, order.Machine);
        switch (order.Kind)
        {
            case RunOrderKind.Continue when run.State != PlanRunState.Halted:
                throw PlanErrors.NotNow(order.Kind, subject, $"it is not halted, but {Word(run.State)}");
            case RunOrderKind.Cutover or RunOrderKind.Cancel when run.State == PlanRunState.Finished:
                throw PlanErrors.NotNow(order.Kind, subject, "it is finished");
            case RunOrderKind.Cutover or RunOrderKind.Cancel when machine is { IsOver: true }:
                throw PlanErrors.NotNow(order.Kind, subject, $"it is over: {Word(machine.State)}");
            case RunOrderKind.Cutover when machine is not null && !IsWarm(run, machine.Machine):
                throw PlanErrors.NotNow(order.Kind, subject, "it is migrated cold, and has no cutover");
            case RunOrderKind.Cutover when machine is { CutoverBegunAt: not null }:
                throw PlanErrors.NotNow(order.Kind, subject, "its cutover has begun");
            case RunOrderKind.Retry when machine is { State: not (MachineRunState.Failed or MachineRunState.Cancelled or MachineRunState.Waiting) }:
                throw PlanErrors.NotNow(order.Kind, subject, $"it is {Word(machine.State)}: only what failed or was cancelled is tried again");
            case RunOrderKind.Retry when run.State == PlanRunState.Cancelling:
                throw PlanErrors.NotNow(order.Kind, subject, "it is being cancelled");
        }

        if (order.Kind is RunOrderKind.Cutover or RunOrderKind.Retry) order = await WithWindowsAsync(run, machine, order, cancel);
        if (order is { Kind: RunOrderKind.Cutover, At: { } at } && at > time.GetUtcNow() && !IsInWindow(order.Windows ?? machine?.Windows ?? run.PlanDocument.Spec.MaintenanceWindows, at)) throw PlanErrors.NotNow(order.Kind, subject, OutOfWindows);
        if (order.Kind == RunOrderKind.Retry && run.State == PlanRunState.Finished)
        {
            await ReopenAsync(run, order, cancel);
            return;
        }

        try
        {
            await Store.OrderAsync(order, cancel);
        }
        catch (SealiftException e) when (e.Code == "SL7672" && order.Kind == RunOrderKind.Retry)
        {
            await ReopenAsync(run, order, cancel); // it has come to its end just now
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<RunNews> WatchAsync(string? run, CancellationToken cancel) => news.WatchAsync(run, cancel);

    /// <inheritdoc/>
    public async Task ArchiveAsync(string plan, bool archived, CancellationToken cancel)
    {
        if (archived && await Store.RunsAsync(plan, unfinishedOnly: true, 1, cancel) is [var run, ..]) throw PlanErrors.NotArchivable(run);
        await Store.SetArchivedAsync(plan, archived, cancel);
    }

    /// <summary>Gives an order the windows of the plan as they are now: of all that the plan says only this must be able to change while it is carried out.</summary>
    /// <exception cref="SealiftException">SL7650: they are over too.</exception>
    private async Task<RunOrder> WithWindowsAsync(PlanRun run, MachineRun? machine, RunOrder order, CancellationToken cancel)
    {
        var asked = machine is null ? await Store.MachinesAsync(run.Id, cancel) : [machine];
        var own = run.PlanDocument.Spec.MaintenanceWindows;
        var windows = machine?.Windows ?? own;
        if (await Store.FindAsync(DocumentKind.Plan, run.Plan, cancel) is { Document: PlanDocument { Spec.MaintenanceWindows: var planned } })
        {
            // Each machine may have been given others before.
            if (asked.Any(m => !planned.SequenceEqual(m.Windows ?? own))) order = order with { Windows = planned };
            windows = planned;
        }

        if (order.Kind == RunOrderKind.Retry && machine is { State: MachineRunState.Waiting } && order.Windows is null) throw PlanErrors.NotNow(order.Kind, machine.Machine, "it is waiting, and its plan has no other windows than it had");
        var isOver = windows.Count > 0 && windows.All(w => w.End <= time.GetUtcNow());
        // What is handed over has only hooks left, which no window holds up.
        if (isOver && (order.Kind == RunOrderKind.Cutover || !asked.Any(m => m is { State: MachineRunState.Failed or MachineRunState.Cancelled, IsHandedOver: true }))) throw PlanErrors.NoWindowLeft(order.Machine ?? $"run {run.Id}", windows.Max(w => w.End));
        return order;
    }

    /// <summary>Opens a run that was over for machines that are tried again. Nobody takes it before the order is there.</summary>
    private async Task ReopenAsync(PlanRun run, RunOrder order, CancellationToken cancel)
    {
        var owner = $"{PlaceOf(Migrations.StateDirectory)}#{Guid.NewGuid():N}";
        if (!await Store.LeaseAsync(run.Id, owner, TimeSpan.FromSeconds(30), cancel)) throw PlanErrors.NotNow(order.Kind, $"run {run.Id}", "somebody is just opening it again");
        try
        {
            if (await Store.RunsAsync(run.Plan, unfinishedOnly: true, 1, cancel) is [var other, ..] && other.Id != run.Id)
                throw PlanErrors.NotNow(order.Kind, $"run {run.Id}", $"run {other.Id} of the same plan is not finished");
            // Read again under the lease: somebody else may have opened it meanwhile.
            if (await Store.FindRunAsync(run.Id, cancel) is { State: PlanRunState.Finished } fresh)
            {
                // What was asked of it before it ended is not asked of it now.
                var old = await Store.OrdersAsync(run.Id, cancel);
                if (old.Count > 0) await Store.DropOrdersAsync(run.Id, [.. old.Select(o => o.Number)], owner, cancel);
                _ = await Store.UpdateAsync(fresh with { State = PlanRunState.Running, EndedAt = null }, owner, cancel); // false is only said of ends
            }

            await Store.OrderAsync(order, cancel);
        }
        finally
        {
            await Store.ReleaseAsync(run.Id, owner, CancellationToken.None);
        }
    }

    private const string OutOfWindows = "the time of the cutover is in none of the maintenance windows";

    private static bool IsInWindow(IReadOnlyList<MaintenanceWindow> windows, DateTimeOffset at) => windows.Count == 0 || windows.Any(w => w.Contains(at));

    private bool IsOurs(string run)
    {
        lock (gate) return schedulers.Exists(s => s.Driven.Contains(run));
    }

    private static bool IsWarm(PlanRun run, string machine)
    {
        var plan = run.PlanDocument.Spec;
        return plan.TypeOf(plan.Vms.First(m => m.Name == machine)) == PlanType.Warm;
    }

    private static string Word<T>(T state)
        where T : struct, Enum => state.ToString().ToLowerInvariant();

    private static MigrationRequest RequestOf(PlanRun run, PlannedMachine machine) => PlanTranslation.RequestOf(new PlanDocuments(run.PlanDocument, run.Documents), machine, bandwidth: null);

    private async Task<(StoredDocument Stored, PlanDocuments Documents)> FindAsync(string plan, CancellationToken cancel)
    {
        var stored = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw PlanErrors.NoSuchPlan(plan);
        return (stored, new PlanDocuments((PlanDocument)stored.Document, await AllAsync(cancel)));
    }

    private async Task<IReadOnlyList<Document>> AllAsync(CancellationToken cancel)
    {
        var all = new List<Document>();
        foreach (var kind in DocumentKind.All)
            foreach (var one in await Store.ListAsync(kind, cancel)) all.Add(one.Document);
        return all;
    }
}
