using System.Runtime.ExceptionServices;

namespace Sealift.Disks;

/// <summary>Two halves of one work: when one fails the other is stopped, and the failure that is thrown is the one that came first.</summary>
internal static class TwoHalves
{
    /// <summary>Runs both to their ends. Neither runs any more when this returns or throws.</summary>
    public static async Task<(TFirst First, TSecond Second)> RunAsync<TFirst, TSecond>(Func<CancellationToken, Task<TFirst>> first, Func<CancellationToken, Task<TSecond>> second, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        ExceptionDispatchInfo? failure = null;
        // On threads of their own from the first instruction: a half may block where it opens a disk.
        var (one, other) = (Task.Run(() => GuardAsync(first), CancellationToken.None), Task.Run(() => GuardAsync(second), CancellationToken.None));
        await Task.WhenAll(one, other);
        failure?.Throw();
        return ((await one)!, (await other)!);

        async Task<T?> GuardAsync<T>(Func<CancellationToken, Task<T>> half)
        {
            try
            {
                return await half(stop.Token);
            }
#pragma warning disable CA1031 // thrown again above, whatever it is, when both have ended
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                await stop.CancelAsync();
                return default;
            }
#pragma warning restore CA1031
        }
    }
}
