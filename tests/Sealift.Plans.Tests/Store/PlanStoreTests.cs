using System.Diagnostics;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;
using static Sealift.Plans.Tests.Store.StoreRig;

namespace Sealift.Plans.Tests.Store;

[Collection(nameof(StoreCollection))]
public sealed class PlanStoreTests(PostgresFixture postgres)
{
    [Theory, CombinatorialKinds]
    public async Task Documents_are_kept_with_generations(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        Assert.Equal(1, (await store.PutAsync(Provider("b"), 0, Cancel)).Generation);
        Assert.Equal(1, (await store.PutAsync(Provider("a"), null, Cancel)).Generation);
        Assert.Equal(2, (await store.PutAsync(Provider("a", "/other"), 1, Cancel)).Generation);
        Assert.Equal(2, (await store.PutAsync(Provider("a", "/other"), 2, Cancel)).Generation); // it says what is there
        Assert.Equal("SL7623", (await Assert.ThrowsAsync<SealiftException>(() => store.PutAsync(Provider("a"), 1, Cancel))).Code);
        Assert.Equal("SL7623", (await Assert.ThrowsAsync<SealiftException>(() => store.PutAsync(Provider("a"), 0, Cancel))).Code);
        Assert.Equal("SL7623", (await Assert.ThrowsAsync<SealiftException>(() => store.PutAsync(Provider("c"), 1, Cancel))).Code);

        var again = await rig.OpenAsync();
        Assert.Equal(["a", "b"], (await again.ListAsync(DocumentKind.Provider, Cancel)).Select(d => d.Document.Metadata.Name));
        var found = (await again.FindAsync(DocumentKind.Provider, "a", Cancel))!;
        Assert.Equal(("/other", 2L), (((ProviderDocument)found.Document).Spec.Url, found.Generation));
        Assert.InRange(found.UpdatedAt, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Null(await again.FindAsync(DocumentKind.Plan, "a", Cancel));
    }

    [Theory, CombinatorialKinds]
    public async Task Of_several_documents_all_are_stored_or_none(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        await store.PutAsync(Provider("b"), null, Cancel);
        Assert.Equal("SL7623", (await Assert.ThrowsAsync<SealiftException>(() => store.PutAllAsync([new DocumentChange(Provider("a"), null), new DocumentChange(Provider("b", "/x"), 7)], Cancel))).Code);
        Assert.Null(await store.FindAsync(DocumentKind.Provider, "a", Cancel));
        var stored = await store.PutAllAsync([new DocumentChange(Plan("p"), 0), new DocumentChange(Provider("b", "/x"), 1), new DocumentChange(Provider("a"), null)], Cancel);
        Assert.Equal(["p", "b", "a"], stored.Select(s => s.Document.Metadata.Name));
        Assert.Equal([1L, 2L, 1L], stored.Select(s => s.Generation));
    }

    [Theory, CombinatorialKinds]
    public async Task What_others_name_is_not_removed(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        await store.PutAsync(Plan("p"), null, Cancel);
        await store.PutAsync(Provider("to"), null, Cancel);
        var error = await Assert.ThrowsAsync<SealiftException>(() => store.RemoveAsync(DocumentKind.Provider, "to", Cancel));
        Assert.Equal("SL7625", error.Code);
        Assert.Contains("Plan p", error.Message, StringComparison.Ordinal);
        await store.CreateRunAsync(Run("r1", "p"), [Machine("r1", "web01")], Cancel);
        Assert.Equal("SL7626", (await Assert.ThrowsAsync<SealiftException>(() => store.RemoveAsync(DocumentKind.Plan, "p", Cancel))).Code);
        Assert.True(await store.LeaseAsync("r1", "me", TimeSpan.FromMinutes(1), Cancel));
        await store.UpdateAsync(Run("r1", "p") with { State = PlanRunState.Finished }, "me", Cancel);
        await store.RemoveAsync(DocumentKind.Plan, "p", Cancel);
        await store.RemoveAsync(DocumentKind.Provider, "to", Cancel);
        Assert.Equal("SL7624", (await Assert.ThrowsAsync<SealiftException>(() => store.RemoveAsync(DocumentKind.Plan, "p", Cancel))).Code);
        Assert.NotNull(await store.FindRunAsync("r1", Cancel)); // what was done is remembered
    }

    [Theory, CombinatorialKinds]
    public async Task A_plan_that_is_archived_stays_so_until_it_is_not(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        await store.PutAsync(Plan("p"), null, Cancel);
        await store.SetArchivedAsync("p", true, Cancel);
        Assert.True((await store.PutAsync(Plan("p", "other"), null, Cancel)).IsArchived);
        await store.SetArchivedAsync("p", false, Cancel);
        Assert.False((await store.FindAsync(DocumentKind.Plan, "p", Cancel))!.IsArchived);
        Assert.Equal("SL7624", (await Assert.ThrowsAsync<SealiftException>(() => store.SetArchivedAsync("q", true, Cancel))).Code);
    }

    [Theory, CombinatorialKinds]
    public async Task A_plan_has_one_run_at_a_time_however_many_begin_it(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var stores = new[] { await rig.OpenAsync(), await rig.OpenAsync() };
        var begun = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                return (await stores[i % 2].CreateRunAsync(Run($"r{i}", "p"), [Machine($"r{i}", "a"), Machine($"r{i}", "b")], Cancel)).Id;
            }
            catch (SealiftException e) when (e.Code == "SL7626")
            {
                return null;
            }
        }));
        var id = Assert.Single(begun, b => b is not null)!;
        Assert.Equal(id, Assert.Single(await stores[0].RunsAsync("p", true, 10, Cancel)).Id);
        Assert.Equal(["a", "b"], (await stores[1].MachinesAsync(id, Cancel)).Select(m => m.Machine));
        var run = (await stores[1].FindRunAsync(id, Cancel))!;
        Assert.Equal([DocumentKind.Plan, DocumentKind.Provider], run.Documents.Select(d => d.Kind));
    }

    [Theory, CombinatorialKinds]
    public async Task Runs_come_newest_first(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        foreach (var (id, plan, second) in new[] { ("r1", "p", 3), ("r2", "q", 1), ("r3", "s", 2) }) await store.CreateRunAsync(Run(id, plan, second), [], Cancel);
        await store.LeaseAsync("r3", "me", TimeSpan.FromMinutes(1), Cancel);
        var ended = DateTimeOffset.UnixEpoch.AddDays(1);
        await store.UpdateAsync(Run("r3", "s", 2) with { State = PlanRunState.Finished, Wave = 4, EndedAt = ended }, "me", Cancel);
        Assert.Equal(["r1", "r3", "r2"], (await store.RunsAsync(null, false, 10, Cancel)).Select(r => r.Id));
        Assert.Equal(["r1", "r2"], (await store.RunsAsync(null, true, 10, Cancel)).Select(r => r.Id));
        Assert.Equal(["r1"], (await store.RunsAsync(null, false, 1, Cancel)).Select(r => r.Id));
        Assert.Equal(["r2"], (await store.RunsAsync("q", false, 10, Cancel)).Select(r => r.Id));
        var found = (await store.FindRunAsync("r3", Cancel))!;
        Assert.Equal((PlanRunState.Finished, 4, ended), (found.State, found.Wave, found.EndedAt!.Value));
        Assert.Null(await store.FindRunAsync("r4", Cancel));
    }

    [Theory, CombinatorialKinds]
    public async Task Of_two_stores_that_want_a_lease_one_gets_it(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var stores = new[] { await rig.OpenAsync(), await rig.OpenAsync() };
        await stores[0].CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        for (var round = 0; round < 20; round++)
        {
            var won = await Task.WhenAll(stores.Select((s, i) => s.LeaseAsync("r", $"server{i}", TimeSpan.FromMinutes(1), Cancel)));
            var winner = Array.IndexOf(won, true);
            Assert.Single(won, w => w);
            Assert.True(await stores[winner].LeaseAsync("r", $"server{winner}", TimeSpan.FromMinutes(1), Cancel)); // kept
            await stores[1 - winner].ReleaseAsync("r", $"server{1 - winner}", Cancel); // what is not one's own cannot be given back
            Assert.False(await stores[1 - winner].LeaseAsync("r", $"server{1 - winner}", TimeSpan.FromMinutes(1), Cancel));
            await stores[winner].ReleaseAsync("r", $"server{winner}", Cancel);
        }

        Assert.Equal("SL7628", (await Assert.ThrowsAsync<SealiftException>(() => stores[0].LeaseAsync("nothing", "me", TimeSpan.FromMinutes(1), Cancel))).Code);
    }

    [Theory, CombinatorialKinds]
    public async Task Who_lost_the_lease_writes_nothing_more(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var (old, successor) = (await rig.OpenAsync(), await rig.OpenAsync());
        await old.CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        Assert.Equal("SL7627", (await Assert.ThrowsAsync<SealiftException>(() => old.UpdateAsync(Run("r", "p"), "old", Cancel))).Code); // never had it
        Assert.True(await old.LeaseAsync("r", "old", TimeSpan.FromMilliseconds(300), Cancel));
        var deadline = Stopwatch.StartNew();
        while (!await successor.LeaseAsync("r", "new", TimeSpan.FromMinutes(1), Cancel))
        {
            Assert.True(deadline.Elapsed < TimeSpan.FromSeconds(60), "the lease never ends");
            await Task.Delay(20, Cancel);
        }

        Assert.True(deadline.Elapsed > TimeSpan.FromMilliseconds(200), $"it was taken after {deadline.Elapsed}");
        await successor.UpdateAsync("r", [Machine("r", "a", MachineRunState.Migrating) with { Owner = "new" }], "new", Cancel);
        Assert.Equal("SL7627", (await Assert.ThrowsAsync<SealiftException>(() => old.UpdateAsync("r", [Machine("r", "a", MachineRunState.Failed)], "old", Cancel))).Code);
        Assert.Equal("SL7627", (await Assert.ThrowsAsync<SealiftException>(() => old.UpdateAsync(Run("r", "p") with { Wave = 9 }, "old", Cancel))).Code);
        Assert.Equal(MachineRunState.Migrating, (await old.FindMachineAsync("r", "a", Cancel))!.State);
        Assert.Equal(1, (await old.FindRunAsync("r", Cancel))!.Wave);
        Assert.Equal("SL7629", (await Assert.ThrowsAsync<SealiftException>(() => successor.UpdateAsync("r", [Machine("r", "x")], "new", Cancel))).Code);
    }

    [Theory, CombinatorialKinds]
    public async Task A_lease_that_is_over_does_not_let_its_owner_write(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        await store.CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        await store.LeaseAsync("r", "me", TimeSpan.Zero, Cancel);
        Assert.Equal("SL7627", (await Assert.ThrowsAsync<SealiftException>(() => store.UpdateAsync(Run("r", "p"), "me", Cancel))).Code);
        Assert.True(await store.LeaseAsync("r", "me", TimeSpan.FromMinutes(1), Cancel));
        await store.UpdateAsync(Run("r", "p"), "me", Cancel);
    }

    [Theory, CombinatorialKinds]
    public async Task Orders_are_there_in_order_until_the_owner_of_the_run_drops_them(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var (mine, others) = (await rig.OpenAsync(), await rig.OpenAsync());
        await mine.CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        await mine.CreateRunAsync(Run("s", "q"), [Machine("s", "a")], Cancel);
        for (var i = 0; i < 20; i++) await (i % 2 == 0 ? mine : others).OrderAsync(new RunOrder("r", RunOrderKind.Cutover, i % 3 == 0 ? null : "a", DateTimeOffset.UnixEpoch.AddSeconds(i), $"anna{i}"), Cancel);
        await others.OrderAsync(new RunOrder("s", RunOrderKind.Cancel, null, null, "berta"), Cancel);
        Assert.True(await mine.LeaseAsync("r", "me", TimeSpan.FromMinutes(1), Cancel));
        var seen = await mine.OrdersAsync("r", Cancel);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"anna{i}"), seen.Select(o => o.Order.Actor));
        Assert.Equal(seen, await mine.OrdersAsync("r", Cancel)); // seen again, as after a crash
        await others.OrderAsync(new RunOrder("r", RunOrderKind.Retry, "a", null, "late"), Cancel);
        Assert.Equal("SL7627", (await Assert.ThrowsAsync<SealiftException>(() => others.DropOrdersAsync("r", [.. seen.Select(o => o.Number)], "you", Cancel))).Code);
        await mine.DropOrdersAsync("r", [.. seen.Select(o => o.Number)], "me", Cancel);
        Assert.Equal("late", Assert.Single(await others.OrdersAsync("r", Cancel)).Order.Actor);
        Assert.Equal("berta", Assert.Single(await others.OrdersAsync("s", Cancel)).Order.Actor);
        Assert.Equal("SL7628", (await Assert.ThrowsAsync<SealiftException>(() => mine.OrderAsync(new RunOrder("x", RunOrderKind.Cancel, null, null, "anna"), Cancel))).Code);
        Assert.Equal("SL7629", (await Assert.ThrowsAsync<SealiftException>(() => mine.OrderAsync(new RunOrder("r", RunOrderKind.Cancel, "x", null, "anna"), Cancel))).Code);
    }

    [Theory, CombinatorialKinds]
    public async Task A_run_does_not_end_over_an_order_and_takes_none_once_it_has_ended(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        var run = await store.CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        var end = run with { State = PlanRunState.Finished, EndedAt = run.CreatedAt };
        await store.OrderAsync(new RunOrder("r", RunOrderKind.Retry, "a", null, "anna"), Cancel);
        Assert.True(await store.LeaseAsync("r", "me", TimeSpan.FromMinutes(1), Cancel));
        Assert.False(await store.UpdateAsync(end, "me", Cancel));
        Assert.Equal(run.State, (await store.FindRunAsync("r", Cancel))!.State);
        await store.DropOrdersAsync("r", [.. (await store.OrdersAsync("r", Cancel)).Select(o => o.Number)], "me", Cancel);
        Assert.True(await store.UpdateAsync(end, "me", Cancel));
        Assert.Equal("SL7672", (await Assert.ThrowsAsync<SealiftException>(() => store.OrderAsync(new RunOrder("r", RunOrderKind.Cancel, null, null, "anna"), Cancel))).Code);
        Assert.Empty(await store.OrdersAsync("r", Cancel));
        _ = await store.CreateRunAsync(Run("s", "p"), [Machine("s", "a")], Cancel);
        Assert.Equal("SL7626", (await Assert.ThrowsAsync<SealiftException>(() => store.UpdateAsync(run, "me", Cancel))).Code); // opened again beside a newer one
    }

    [Theory, CombinatorialKinds]
    public async Task Ten_thousand_machines_are_written_and_paged_through_in_seconds(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var store = await rig.OpenAsync();
        var machines = Enumerable.Range(0, 10_000).Select(i => Machine("r", $"DC0/vm/machine-{i}") with { Reasons = ["SL7101: cannot use a target: it exists"] }).ToList();
        var watch = Stopwatch.StartNew();
        await store.CreateRunAsync(Run("r", "p"), machines, Cancel);
        await store.LeaseAsync("r", "me", TimeSpan.FromMinutes(10), Cancel);
        await store.UpdateAsync("r", [.. machines.Select(m => m with { State = MachineRunState.Succeeded })], "me", Cancel);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"writing took {watch.Elapsed}");
        watch.Restart();
        var page = await store.MachinesAsync("r", 9_950, 100, Cancel);
        var counts = await store.CountAsync("r", Cancel);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"a page took {watch.Elapsed}");
        Assert.Equal(50, page.Count);
        Assert.Equal("DC0/vm/machine-9950", page[0].Machine);
        Assert.Equal(10_000, Assert.Single(counts, c => c.Key == MachineRunState.Succeeded).Value);
        Assert.Equal(10_000, (await store.MachinesAsync("r", Cancel)).Count);
    }
}

/// <summary>Each database in turn.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CombinatorialKindsAttribute : Xunit.v3.DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker) =>
        ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>([new TheoryDataRow(Kind.Sqlite), new TheoryDataRow(Kind.Postgres)]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
