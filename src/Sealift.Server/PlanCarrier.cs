using Sealift.Plans;
using Sealift.Plans.Scheduling;

namespace Sealift.Server;

/// <summary>Carries out, as long as the server runs, whatever runs of its store nobody else carries out.</summary>
internal sealed class PlanCarrier(PlanService plans, TimeProvider time) : BackgroundService
{
    // Somebody looks every two seconds: after this the loop hangs, or its database does.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly Scheduler scheduler = plans.CreateScheduler(new SchedulerOptions());
    private readonly DateTimeOffset startedAt = time.GetUtcNow();

    /// <summary>Why it is not looking after runs; null where it is.</summary>
    public string? Trouble => time.GetUtcNow() - (scheduler.LastLookAt ?? startedAt) < Silence ? null : scheduler.LastTrouble?.Code ?? "they have not been looked for in a minute";

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => scheduler.RunAsync(CancellationToken.None, stoppingToken);
}
