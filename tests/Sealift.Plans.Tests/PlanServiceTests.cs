using Microsoft.Extensions.Time.Testing;
using Sealift.Migrations;
using Sealift.Migrations.Tests;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Plans.Validation;
using Sealift.Posix;

namespace Sealift.Plans.Tests;

/// <summary>The one door, on a real database and a real state directory.</summary>
public sealed class PlanServiceTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private PlanDatabase database = null!;
    private MigrationStore migrations = null!;
    private PlanService service = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        migrations = rig.OpenStore();
        service = new PlanService(new PlanStore(database), migrations, TimeProvider.System);
        Directory.CreateDirectory(rig.Target);
    }

    public async ValueTask DisposeAsync()
    {
        migrations.Dispose();
        await database.DisposeAsync();
        rig.Dispose();
    }

    [Fact]
    public async Task A_plan_that_was_applied_is_run_watched_and_its_failed_machine_tried_again()
    {
        await ApplyAsync(Vm("first.raw"), Vm("later.raw"));
        var run = await service.RunAsync("saturday", null, "anna", Cancel);
        Assert.Equal("SL7672", await CodeAsync(run.Id, RunOrderKind.Continue));
        Assert.Equal("SL7672", await CodeAsync(run.Id, RunOrderKind.Cutover, "first.raw")); // it is cold
        Assert.Equal("SL7671", await CodeAsync(run.Id, RunOrderKind.Cancel, "nobody"));
        Assert.Equal("SL7670", await CodeAsync("no-run", RunOrderKind.Cancel));
        Assert.Equal("SL7676", (await Assert.ThrowsAsync<SealiftException>(() => service.ArchiveAsync("saturday", true, Cancel))).Code);
        _ = await Assert.ThrowsAsync<SealiftException>(() => service.RunAsync("saturday", null, "anna", Cancel)); // one run at a time

        using var end = new CancellationTokenSource();
        var seen = WatchAsync(service, run.Id, end.Token);
        await using var otherDatabase = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        var other = new PlanService(new PlanStore(otherDatabase), migrations, TimeProvider.System);
        var seenElsewhere = WatchAsync(other, null, end.Token);
        await FinishAsync(run.Id);
        var machines = await service.Store.MachinesAsync(run.Id, Cancel);
        Assert.Equal([MachineRunState.Succeeded, MachineRunState.Failed], machines.Select(m => m.State));
        Assert.Equal("SL7672", await CodeAsync(run.Id, RunOrderKind.Cancel)); // it is finished
        Assert.Equal("SL7672", await CodeAsync(run.Id, RunOrderKind.Retry, "first.raw")); // it succeeded

        File.Copy(rig.First, Path.Combine(rig.SourceDirectory, "later.raw"));
        await service.OrderAsync(new RunOrder(run.Id, RunOrderKind.Retry, null, null, "anna"), Cancel);
        await FinishAsync(run.Id);
        Assert.All(await service.Store.MachinesAsync(run.Id, Cancel), m => Assert.Equal(MachineRunState.Succeeded, m.State));
        Assert.Equal(PlanRunState.Finished, (await service.Store.FindRunAsync(run.Id, Cancel))!.State);
        await service.ArchiveAsync("saturday", true, Cancel);

        // The other one looks into the store every two seconds.
        await Task.Delay(TimeSpan.FromSeconds(5), Cancel);
        await end.CancelAsync();
        foreach (var news in new[] { await seen, await seenElsewhere })
        {
            Assert.Equal(PlanRunState.Finished, news.Select(n => n.Run).OfType<PlanRun>().Last().State);
            Assert.Equal(MachineRunState.Succeeded, news.SelectMany(n => n.Machines).Last(m => m.Machine == "later.raw").State);
        }
    }

    [Fact]
    public async Task A_run_is_not_opened_again_beside_a_newer_one_and_a_document_does_not_begin_one()
    {
        await ApplyAsync(Vm("missing.raw"));
        var older = await service.RunAsync("saturday", null, "anna", Cancel);
        await FinishAsync(older.Id);
        var newer = await service.RunAsync("saturday", null, "anna", Cancel);
        var error = await Assert.ThrowsAsync<SealiftException>(() => service.OrderAsync(new RunOrder(older.Id, RunOrderKind.Retry, null, null, "anna"), Cancel));
        Assert.Equal("SL7672", error.Code);
        Assert.Contains(newer.Id, error.Message, StringComparison.Ordinal);
        Assert.Empty(await service.Store.OrdersAsync(older.Id, Cancel));
        var document = new MigrationDocument { Metadata = new DocumentMetadata { Name = "m" }, Spec = new MigrationSpec { Plan = new DocumentReference { Name = "saturday" } } };
        Assert.Equal("SL7648", (await Assert.ThrowsAsync<SealiftException>(() => service.ApplyAsync([document], Cancel))).Code);
    }

    [Fact]
    public async Task A_plan_with_obstacles_is_not_run()
    {
        Assert.Equal("SL7673", (await Assert.ThrowsAsync<SealiftException>(() => service.RunAsync("saturday", null, "anna", Cancel))).Code);
        await ApplyAsync(Vm("first.raw"));
        var plan = (PlanDocument)(await service.Store.FindAsync(DocumentKind.Plan, "saturday", Cancel))!.Document;
        _ = await service.Store.PutAsync(plan with { Spec = plan.Spec with { Vms = [Vm("first.raw"), Vm("first.raw")] } }, null, Cancel); // past the door, as an older version may have
        Assert.Equal("SL7677", (await Assert.ThrowsAsync<SealiftException>(() => service.RunAsync("saturday", null, "anna", Cancel))).Code);
    }

    [Fact]
    public async Task A_plan_that_could_never_be_run_is_not_stored_and_what_may_come_right_is()
    {
        await ApplyAsync(Vm("first.raw"));
        var plan = (PlanDocument)(await service.Store.FindAsync(DocumentKind.Plan, "saturday", Cancel))!.Document;
        var hook = new HookDocument { Metadata = new DocumentMetadata { Name = "new" }, Spec = new HookSpec { Program = "/bin/true" } };
        var refused = await Assert.ThrowsAsync<SealiftException>(() => service.ApplyAsync([hook, plan with { Spec = plan.Spec with { Vms = [Vm("first.raw"), Vm("first.raw")], Type = PlanType.Warm } }], Cancel));
        Assert.Equal("SL7656", refused.Code);
        foreach (var said in new[] { "SL7631", "spec.vms[1].name", "SL7636", "spec.type" }) Assert.Contains(said, refused.Message, StringComparison.Ordinal);
        Assert.Null(await service.Store.FindAsync(DocumentKind.Hook, "new", Cancel)); // all or none

        var over = new MaintenanceWindow { Start = DateTimeOffset.UtcNow.AddDays(-2), End = DateTimeOffset.UtcNow.AddDays(-1) };
        var later = plan with { Spec = plan.Spec with { MaintenanceWindows = [over], Hooks = [new HookUse { Hook = new DocumentReference { Name = "later" }, Step = HookStep.PreHook }] } };
        Assert.Equal(["SL7630", "SL7637", "SL7637"], (await AppliedPlans.CheckAsync(service.Store, [later], DateTimeOffset.UtcNow, Cancel)).Select(f => f.Problem.IsObstacle ? "-" : f.Problem.Code));
        _ = await service.ApplyAsync([later], Cancel);
        var backwards = over with { End = over.Start };
        Assert.Equal("SL7656", (await Assert.ThrowsAsync<SealiftException>(() => service.ApplyAsync([plan with { Spec = plan.Spec with { MaintenanceWindows = [backwards] } }], Cancel))).Code);
    }

    [Fact]
    public async Task A_cutover_for_the_run_goes_with_its_documents()
    {
        await ApplyAsync(Vm("first.raw"));
        var at = DateTimeOffset.UtcNow.AddHours(1);
        var run = await service.RunAsync("saturday", at, "anna", Cancel);
        var stored = (await service.Store.FindRunAsync(run.Id, Cancel))!;
        Assert.Equal(at, stored.Documents.OfType<MigrationDocument>().Single().Spec.Cutover);
        Assert.Equal(["saturday", "images", "here"], stored.Documents.Where(d => d is not MigrationDocument).Select(d => d.Metadata.Name));
    }

    [Fact]
    public async Task A_cutover_and_another_try_bring_the_windows_that_the_plan_has_by_then()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var plans = new PlanService(service.Store, migrations, clock);
        var now = clock.GetUtcNow();
        await ApplyAsync(Windows(now.AddHours(1)), Vm("web"));
        var run = await plans.RunAsync("saturday", null, "anna", Cancel);
        await plans.OrderAsync(new RunOrder(run.Id, RunOrderKind.Cutover, "web", null, "anna"), Cancel);
        Assert.Null(Assert.Single(await plans.Store.OrdersAsync(run.Id, Cancel)).Order.Windows); // they are the same
        clock.Advance(TimeSpan.FromHours(2));
        foreach (var machine in new[] { "web", null })
            Assert.Equal("SL7650", (await Assert.ThrowsAsync<SealiftException>(() => plans.OrderAsync(new RunOrder(run.Id, RunOrderKind.Cutover, machine, null, "anna"), Cancel))).Code);
        await ApplyAsync(Windows(now.AddHours(5)), Vm("web"));
        await plans.OrderAsync(new RunOrder(run.Id, RunOrderKind.Cutover, null, null, "anna"), Cancel);
        Assert.Equal(Windows(now.AddHours(5)), (await plans.Store.OrdersAsync(run.Id, Cancel))[^1].Order.Windows);

        List<MaintenanceWindow> Windows(DateTimeOffset end) => [new MaintenanceWindow { Start = now, End = end }];
    }

    [Fact]
    public async Task A_document_of_kind_Migration_begins_one_run_however_often_it_is_applied()
    {
        await ApplyAsync(Vm("first.raw"), Vm("second.raw"), Vm("third.raw"));
        var order = new MigrationDocument { Metadata = new DocumentMetadata { Name = "night" }, Spec = new MigrationSpec { Plan = new DocumentReference { Name = "saturday" }, Cancel = [new DocumentReference { Name = "third.raw" }] } };
        Assert.Equal("SL7671", (await Assert.ThrowsAsync<SealiftException>(() => service.BeginAsync(order with { Spec = order.Spec with { Cancel = [new DocumentReference { Name = "nobody" }] } }, "anna", Cancel))).Code);
        var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => service.BeginAsync(order, "anna", Cancel)));
        Assert.All(runs, r => Assert.Equal("run_night", r.Run.Id));
        Assert.Single(runs, r => r.IsBegun); // the others found it begun
        Assert.Single(await service.Store.RunsAsync(null, false, 10, Cancel));
        Assert.Empty(await service.Store.OrdersAsync("run_night", Cancel)); // who is cancelled from the beginning never waits
        Assert.Equal([MachineRunState.Waiting, MachineRunState.Waiting, MachineRunState.Cancelled], (await service.Store.MachinesAsync("run_night", Cancel)).Select(m => m.State));

        var later = order with { Spec = order.Spec with { Cutover = DateTimeOffset.UtcNow.AddHours(1), Cancel = [.. order.Spec.Cancel, new DocumentReference { Name = "second.raw" }] } };
        Assert.False((await service.BeginAsync(later, "bert", Cancel)).IsBegun);
        Assert.Equal([(RunOrderKind.Cancel, "second.raw")], (await service.Store.OrdersAsync("run_night", Cancel)).Select(o => (o.Order.Kind, o.Order.Machine))); // cold machines have no cutover
        Assert.Equal("SL7657", (await Assert.ThrowsAsync<SealiftException>(() => service.BeginAsync(order with { Spec = new MigrationSpec { Plan = new DocumentReference { Name = "sunday" } } }, "anna", Cancel))).Code);
        Assert.Equal("SL7626", (await Assert.ThrowsAsync<SealiftException>(() => service.BeginAsync(order with { Metadata = new DocumentMetadata { Name = "another" } }, "anna", Cancel))).Code); // one run of a plan at a time
        await FinishAsync("run_night");
        Assert.Equal([MachineRunState.Succeeded, MachineRunState.Cancelled, MachineRunState.Cancelled], (await service.Store.MachinesAsync("run_night", Cancel)).Select(m => m.State));
        Assert.Equal(PlanRunState.Finished, (await service.BeginAsync(later, "bert", Cancel)).Run.State); // it is over, and is not begun anew
    }

    [Fact]
    public async Task The_cutover_of_a_Migration_is_what_its_document_says_last_and_lies_in_a_window()
    {
        var now = DateTimeOffset.UtcNow;
        await ApplyAsync([new MaintenanceWindow { Start = now, End = now.AddHours(6) }], Vm("web"));
        MigrationDocument At(double hours) => new() { Metadata = new DocumentMetadata { Name = "night" }, Spec = new MigrationSpec { Plan = new DocumentReference { Name = "saturday" }, Cutover = now.AddHours(hours) } };
        var refused = await Assert.ThrowsAsync<SealiftException>(() => service.BeginAsync(At(7), "anna", Cancel));
        Assert.Contains("SL7639", refused.Message, StringComparison.Ordinal);
        Assert.Empty(await service.Store.RunsAsync(null, false, 10, Cancel));

        _ = await service.BeginAsync(At(2), "anna", Cancel);
        _ = await service.BeginAsync(At(2), "anna", Cancel);
        Assert.Empty(await service.Store.OrdersAsync("run_night", Cancel)); // it is what it was begun with
        _ = await service.BeginAsync(At(3), "anna", Cancel);
        Assert.Equal([At(3).Spec.Cutover], (await service.Store.OrdersAsync("run_night", Cancel)).Select(o => o.Order.At));
        var machine = (await service.Store.FindMachineAsync("run_night", "web", Cancel))!;
        Assert.True(await service.Store.LeaseAsync("run_night", "test", TimeSpan.FromSeconds(30), Cancel));
        await service.Store.UpdateAsync(machine.Run, [machine with { CutoverAt = At(3).Spec.Cutover }], "test", Cancel); // as the scheduler takes it in
        _ = await service.BeginAsync(At(2), "anna", Cancel);
        Assert.Equal(At(2).Spec.Cutover, (await service.Store.OrdersAsync("run_night", Cancel))[^1].Order.At);
        Assert.Equal("SL7672", (await Assert.ThrowsAsync<SealiftException>(() => service.BeginAsync(At(8), "anna", Cancel))).Code);
    }

    [Fact]
    public async Task Windows_reach_machines_that_wait_and_machines_that_had_others()
    {
        var now = DateTimeOffset.UtcNow;
        List<MaintenanceWindow> Until(int hours) => [new MaintenanceWindow { Start = now, End = now.AddHours(hours) }];
        await ApplyAsync(Until(1), Vm("web"));
        var run = await service.RunAsync("saturday", null, "anna", Cancel);
        Assert.Equal("SL7672", await CodeAsync(run.Id, RunOrderKind.Retry, "web")); // it waits, and there is nothing to bring
        await ApplyAsync(Until(5), Vm("web"));
        await service.OrderAsync(new RunOrder(run.Id, RunOrderKind.Retry, "web", null, "anna"), Cancel);
        Assert.Equal(Until(5), (await service.Store.OrdersAsync(run.Id, Cancel))[^1].Order.Windows);

        var machine = (await service.Store.FindMachineAsync(run.Id, "web", Cancel))!;
        Assert.True(await service.Store.LeaseAsync(run.Id, "test", TimeSpan.FromSeconds(30), Cancel));
        await service.Store.UpdateAsync(machine.Run, [machine with { Windows = Until(5) }], "test", Cancel);
        await ApplyAsync(Until(1), Vm("web"));
        await service.OrderAsync(new RunOrder(run.Id, RunOrderKind.Cutover, null, null, "anna"), Cancel);
        Assert.Equal(Until(1), (await service.Store.OrdersAsync(run.Id, Cancel))[^1].Order.Windows); // the run's own, again
    }

    /// <summary>Whoever does not read holds nobody up, and reads the last of each machine when he does.</summary>
    [Fact]
    public async Task A_slow_reader_reads_the_newest()
    {
        var hub = new RunNewsHub(service.Store, TimeProvider.System, _ => true);
        using var end = new CancellationTokenSource();
        await using var reader = hub.WatchAsync("r", end.Token).GetAsyncEnumerator(Cancel);
        var first = reader.MoveNextAsync().AsTask();
        for (var i = 0; i < 100_000; i++) hub.Tell(new RunNews(null, [new MachineRun { Run = i % 2 == 0 ? "r" : "other", Machine = $"vm{i % 10}", Wave = 1, State = MachineRunState.Migrating, DoneBytes = i }]));
        Assert.True(await first);
        var last = reader.Current.Machines.ToDictionary(m => m.Machine, m => m.DoneBytes);
        var next = reader.MoveNextAsync().AsTask();
        if (last.Values.Max() != 99_998)
        {
            Assert.True(await next);
            foreach (var machine in reader.Current.Machines) last[machine.Machine] = machine.DoneBytes;
            next = reader.MoveNextAsync().AsTask();
        }

        Assert.Equal(["vm0", "vm2", "vm4", "vm6", "vm8"], last.Keys.Order());
        Assert.Equal(99_998, last.Values.Max());
        await end.CancelAsync();
        Assert.False(await next);
    }

    private static PlannedMachine Vm(string name) => new() { Name = name };

    /// <summary>A plan of running machines, with windows.</summary>
    private async Task ApplyAsync(IReadOnlyList<MaintenanceWindow> windows, params PlannedMachine[] machines) => await service.ApplyAsync(
    [
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "kvm" }, Spec = new ProviderSpec { Type = ProviderType.Libvirt, Url = "qemu:///system" } },
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "here" }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = rig.Target } },
        new PlanDocument
        {
            Metadata = new DocumentMetadata { Name = "saturday" },
            Spec = new PlanSpec { Provider = new PlanProviders { Source = new DocumentReference { Name = "kvm" }, Destination = new DocumentReference { Name = "here" } }, Vms = machines, Type = PlanType.Warm, MaintenanceWindows = windows },
        },
    ], Cancel);

    private async Task ApplyAsync(params PlannedMachine[] machines) => await service.ApplyAsync(
    [
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "images" }, Spec = new ProviderSpec { Type = ProviderType.Image, Url = rig.SourceDirectory } },
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "here" }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = rig.Target } },
        new PlanDocument
        {
            Metadata = new DocumentMetadata { Name = "saturday" },
            Spec = new PlanSpec
            {
                Provider = new PlanProviders { Source = new DocumentReference { Name = "images" }, Destination = new DocumentReference { Name = "here" } },
                Vms = machines,
                SkipGuestConversion = true,
                Check = false,
                AcceptDegraded = true,
                BootCheck = BootCheck.Never,
            },
        },
    ], Cancel);

    private async Task FinishAsync(string run)
    {
        using var inTime = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        inTime.CancelAfter(TimeSpan.FromMinutes(3));
        await service.CreateScheduler(new SchedulerOptions { OnlyRun = run, LookInterval = TimeSpan.FromMilliseconds(200) }).RunAsync(CancellationToken.None, inTime.Token);
    }

    private async Task<string> CodeAsync(string run, RunOrderKind kind, string? machine = null) =>
        (await Assert.ThrowsAsync<SealiftException>(() => service.OrderAsync(new RunOrder(run, kind, machine, null, "anna"), Cancel))).Code;

    private static async Task<List<RunNews>> WatchAsync(PlanService plans, string? run, CancellationToken end)
    {
        var all = new List<RunNews>();
        await foreach (var news in plans.WatchAsync(run, end)) all.Add(news);
        return all;
    }
}
