using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// A running machine that is followed for hours or days, over which a connection may be lost, or its hypervisor be restarted: whatever is
/// asked of it is asked anew until it answers again, or patience is at its end. Each question may be asked twice.
/// </summary>
internal sealed class PatientMachine(MigrationContext context, string step) : IAsyncDisposable
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromSeconds(30);
    private WarmMachine? machine;

    /// <summary>Asks.</summary>
    /// <exception cref="SealiftException">What was asked failed for another reason, or the machine was not reached within the plan's patience.</exception>
    public async Task<T> AskAsync<T>(Func<WarmMachine, Task<T>> question, CancellationToken cancel)
    {
        var patience = context.Request.Warm!.Patience;
        DateTimeOffset? lostAt = null;
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                machine ??= await WarmMachine.ConnectAsync(context, cancel);
                return await question(machine);
            }
            // The guest is not frozen again and again for a target that is away: that ends the run, and a resume goes on.
            catch (SealiftException e) when (RunningSource.IsLost(e) && !TargetPlaces.IsOfTarget(context, e) && context.Time.GetUtcNow() - (lostAt ??= context.Time.GetUtcNow()) < patience)
            {
                context.Events.Send(new Note(step, $"the source was lost, and is looked for again until {lostAt.Value + patience:HH:mm:ss} UTC: {e.Message}"));
                await LeaveAsync();
                await Task.Delay(wait, context.Time, cancel);
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => LeaveAsync();

    private async ValueTask LeaveAsync()
    {
        if (machine is null) return;
        var left = machine;
        machine = null;
        await left.DisposeAsync();
    }
}
