using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;

namespace Sealift.Server.Tests;

/// <summary>Plans that are kept in the real store, and carried out by the test.</summary>
internal sealed class TestPlans(IPlanStore store, MigrationStore migrations) : StandInPlans(store, migrations)
{
    public override Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) =>
        Task.FromResult(new PlanReport([new PlanProblem("SL7640", "spec.vms[0]", $"looked at {plan}", "Nothing", false)], []));

    public override Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => ValidateAsync(plan, progress, cancel);

    public override async Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel)
    {
        _ = await Store.FindAsync(DocumentKind.Plan, plan, cancel) ?? throw ServerErrors.NotFound("plan", plan); // only whether there is one
        return await base.RunAsync(plan, cutover, actor, cancel);
    }

    public override async Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        await Store.OrderAsync(order, cancel);
        await base.OrderAsync(order, cancel);
    }

    /// <summary>Tells those who watch.</summary>
    public void Tell(RunNews news) => Tell(null, news);
}
