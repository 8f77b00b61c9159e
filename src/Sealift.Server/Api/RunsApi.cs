using Sealift.Plans;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Server.Accounts;

namespace Sealift.Server.Api;

/// <summary>Plans that are carried out.</summary>
internal static class RunsApi
{
    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/plans/{plan}/validate", (string plan, Validations validations, CancellationToken cancel) => validations.ValidateAsync(plan, cancel))
            .Needs(Scope.Plan).WithSummary("Look for all that would stop a plan. Providers are asked; nothing is changed.");
        api.MapPut("/plans/{plan}/archived", async (string plan, Archived archived, IPlanService plans, CancellationToken cancel) =>
        {
            await plans.ArchiveAsync(plan, archived.Value, cancel);
            return TypedResults.NoContent();
        }).Audited("plan.archive").Needs(Scope.Plan).WithSummary("Hide a plan that is done with from lists, or show it again.");
        api.MapPost("/plans/{plan}/runs", async (string plan, NewRun? run, HttpContext context, IPlanService plans, IHostApplicationLifetime application, CancellationToken cancel) =>
        {
            using var ends = application.EndsWith(cancel); // a server of vSphere may be asked where machines are
            var begun = await plans.RunAsync(plan, run?.Cutover, context.Actor(), ends.Token);
            return TypedResults.Created($"{ApiRoutes.Root}/runs/{begun.Id}", RunView.Of(begun));
        }).Audited("run.begin").Needs(Scope.Operate).WithSummary("Begin a run.");

        api.MapGet("/runs", async (string? plan, bool? unfinished, int? limit, IPlanService plans, CancellationToken cancel) =>
                (await plans.Store.RunsAsync(plan, unfinished ?? false, Math.Clamp(limit ?? 100, 1, 1000), cancel)).Select(RunView.Of))
            .Needs(Scope.Read).WithSummary("Runs, newest first.");
        api.MapGet("/runs/{run}", async (string run, IPlanService plans, CancellationToken cancel) => RunView.Of(await FindAsync(plans, run, cancel)))
            .Needs(Scope.Read).WithSummary("A run.");
        api.MapGet("/runs/{run}/machines", async (string run, int? offset, int? limit, MachineRunState? state, IPlanService plans, TimeProvider time, CancellationToken cancel) =>
        {
            var found = await FindAsync(plans, run, cancel);
            var (from, most) = (Math.Max(0, offset ?? 0), Math.Clamp(limit ?? 100, 1, 1000));
            // What one waits for depends on all others.
            if (state is not null || found.State != PlanRunState.Finished)
                return Page<MachineRun>.Of([.. RunWaits.Fill(found, await plans.Store.MachinesAsync(run, cancel), time.GetUtcNow()).Where(m => state is null || m.State == state)], from, most);
            var total = (await plans.Store.CountAsync(run, cancel)).Values.Sum();
            var items = await plans.Store.MachinesAsync(run, from, most, cancel);
            return new Page<MachineRun>(items, total, from + items.Count < total ? from + items.Count : null);
        }).Needs(Scope.Read).WithSummary("The machines of a run, in the order of the plan.");

        Order("cutover", RunOrderKind.Cutover, "Cut over a machine, or all, now or at a time.");
        Order("cancel", RunOrderKind.Cancel, "Cancel a machine, or all that are not over.");
        Order("continue", RunOrderKind.Continue, "Go on with the waves after one that failed.");
        Order("retry", RunOrderKind.Retry, "Try a machine that failed again, or all that did.");

        void Order(string verb, RunOrderKind kind, string summary) => api.MapPost($"/runs/{{run}}/{verb}", async (string run, NewOrder? order, HttpContext context, IPlanService plans, CancellationToken cancel) =>
        {
            context.IsAbout(order?.Machine is { } machine ? $"{run}/{machine}" : run);
            _ = await FindAsync(plans, run, cancel); // only whether there is one
            await plans.OrderAsync(new RunOrder(run, kind, order?.Machine, order?.At, context.Actor()), cancel);
            return TypedResults.Accepted($"{ApiRoutes.Root}/runs/{run}");
        }).Audited($"run.{verb}").Needs(Scope.Operate).WithSummary(summary);
    }

    private static async Task<PlanRun> FindAsync(IPlanService plans, string run, CancellationToken cancel) => await plans.Store.FindRunAsync(run, cancel) ?? throw ServerErrors.NotFound("run", run);

    /// <summary>How a run is begun.</summary>
    internal sealed record NewRun(DateTimeOffset? Cutover = null);

    /// <summary>What is asked of a run.</summary>
    internal sealed record NewOrder(string? Machine = null, DateTimeOffset? At = null);

    /// <summary>Whether a plan is hidden.</summary>
    internal sealed record Archived(bool Value);
}

/// <summary>A run, without the documents that it was begun with.</summary>
internal sealed record RunView(string Id, string Plan, long Generation, PlanRunState State, int Wave, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt, string Actor)
{
    /// <summary>As it is shown.</summary>
    public static RunView Of(PlanRun run) => new(run.Id, run.Plan, run.Generation, run.State, run.Wave, run.CreatedAt, run.EndedAt, run.Actor);
}
