using Sealift.Plans;
using Sealift.Plans.Scheduling;

namespace Sealift.Server;

/// <summary>Carries out, as long as the server runs, whatever runs of its store nobody else carries out.</summary>
internal sealed class PlanCarrier(PlanService plans, TimeProvider time, ILogger<PlanCarrier> log) : BackgroundService
{
    // Somebody looks every two seconds: after this the loop hangs, or its database does.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1), Interval = TimeSpan.FromSeconds(2);

    private static readonly Action<ILogger, string, string, string, Exception?> LogTrouble = LoggerMessage.Define<string, string, string>(LogLevel.Error, new EventId(1, "trouble"), "Runs: {Code}: {Subject}: {Said}");

    private readonly Scheduler scheduler = plans.CreateScheduler(new SchedulerOptions());
    private readonly DateTimeOffset startedAt = time.GetUtcNow();

    /// <summary>Why it is not looking after runs; null where it is.</summary>
    public string? Trouble => time.GetUtcNow() - (scheduler.LastLookAt ?? startedAt) < Silence ? null : scheduler.LastTrouble?.Code ?? "they have not been looked for in a minute";

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var work = scheduler.RunAsync(CancellationToken.None, stoppingToken);
        (string, string, string)? told = null;
        do
        {
            _ = await Task.WhenAny(work, Task.Delay(Interval, time, CancellationToken.None)); // whichever: both are looked at below
            if (scheduler.LastTrouble is not { } trouble || told == (trouble.Code, trouble.Subject, trouble.Said)) continue;
            told = (trouble.Code, trouble.Subject, trouble.Said);
            LogTrouble(log, trouble.Code, ServeReport.Printable(trouble.Subject), ServeReport.Printable(trouble.Said), trouble.InnerException);
        }
        while (!work.IsCompleted);
        await work;
    }
}
