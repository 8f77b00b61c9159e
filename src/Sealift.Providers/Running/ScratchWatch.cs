using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// Looks after the room for what a guest overwrites during a point in time. Were there none, QEMU would fail the guest's own writes: long
/// before that the point in time has to be given up.
/// </summary>
public sealed class ScratchWatch : IAsyncDisposable
{
    /// <summary>So many bytes stay free at least where that can be measured at any moment.</summary>
    public const long ReserveBytes = 256L << 20;

    // Between two looks the reserve may not be used up: so a guest would have to overwrite 5 GB each second.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly IRunningMachine machine;
    private readonly string directory;
    private readonly CancellationTokenSource low = new();
    private readonly CancellationTokenSource over = new();
    private readonly Task watching;

    /// <summary>Begins to look.</summary>
    /// <param name="machine">The machine whose guest overwrites.</param>
    /// <param name="directory">Where the scratch images are.</param>
    public ScratchWatch(IRunningMachine machine, string directory)
    {
        (this.machine, this.directory) = (machine, directory);
        watching = Task.Run(WatchAsync);
    }

    /// <summary>Cancelled when there is too little room left, or when that can no longer be measured.</summary>
    public CancellationToken Low => low.Token;

    /// <summary>Why it can no longer be measured; null where it was.</summary>
    public SealiftException? NotMeasured { get; private set; }

    /// <summary>Whether there is room enough to begin.</summary>
    /// <param name="machine">The machine whose guest overwrites.</param>
    /// <param name="freeBytes">What is free.</param>
    public static bool HasRoom(IRunningMachine machine, long freeBytes) => freeBytes >= 2 * (machine ?? throw new ArgumentNullException(nameof(machine))).ReserveBytes;

    /// <summary>Stops looking.</summary>
    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await watching;
        over.Dispose();
        low.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(over.Token))
                if (await machine.FreeBytesAsync(directory, over.Token) < machine.ReserveBytes) await low.CancelAsync();
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The point in time is over: that is how this loop ends.
        }
        catch (SealiftException e)
        {
            NotMeasured = e;
            await low.CancelAsync(); // what cannot be measured is not risked
        }
    }
}
