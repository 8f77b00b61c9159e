using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;

namespace Sealift.Server.BrowserTests;

/// <summary>Plans in the real store, whose machines the test moves.</summary>
internal sealed class RehearsedPlans(IPlanStore store, MigrationStore migrations) : StandInPlans(store, migrations)
{
    private const string Owner = "rehearsal";

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
        _ = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw ServerErrors.NotFound("plan", plan); // only whether there is one
        var run = await base.RunAsync(plan, cutover, actor, cancel);
        Assert.True(await Store.LeaseAsync(run.Id, Owner, TimeSpan.FromHours(1), cancel));
        return run;
    }

    /// <summary>Moves a machine, and tells those who watch.</summary>
    public async Task MoveAsync(string run, MachineRun machine)
    {
        await Store.UpdateAsync(run, [machine], Owner, CancellationToken.None);
        Tell(null, new RunNews(null, [machine]));
    }

    /// <summary>Moves a run, and tells those who watch.</summary>
    public async Task MoveAsync(PlanRun run)
    {
        await Store.UpdateAsync(run, Owner, CancellationToken.None);
        Tell(null, new RunNews(run, []));
    }
}
