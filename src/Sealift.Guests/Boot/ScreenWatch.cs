namespace Sealift.Guests.Boot;

/// <summary>How long a screen has stood still. A cursor that blinks is two pictures in turn, and no change.</summary>
internal sealed class ScreenWatch(TimeProvider time)
{
    private ulong? newest;
    private ulong? other;
    private long since = time.GetTimestamp();

    /// <summary>How long nothing was seen but pictures that were seen before, of which there are two at most.</summary>
    public TimeSpan Standstill => time.GetElapsedTime(since);

    /// <summary>Takes a picture's digest.</summary>
    public void Saw(ulong digest)
    {
        if (digest == newest || digest == other) return;
        (newest, other) = (digest, newest);
        since = time.GetTimestamp();
    }
}
