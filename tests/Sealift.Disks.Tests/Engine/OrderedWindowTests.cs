namespace Sealift.Disks.Tests;

/// <summary>Results in order, and never more of them than the window holds.</summary>
public sealed class OrderedWindowTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_late_holds_back_what_came_before_and_whoever_hands_out_work_waits()
    {
        var consumed = new List<string>();
        using var window = new OrderedWindow<string>(2, consumed.Add);
        Assert.Equal(0, await window.ReserveAsync(Cancel));
        Assert.Equal(1, await window.ReserveAsync(Cancel));
        var third = window.ReserveAsync(Cancel).AsTask();
        Assert.False(third.IsCompleted);

        window.Complete(1, "b");
        Assert.Empty(consumed);
        Assert.False(third.IsCompleted); // "b" is still kept
        window.Complete(0, "a");
        Assert.Equal(["a", "b"], consumed);
        Assert.Equal(2, await third);
        Assert.Equal(3, await window.ReserveAsync(Cancel));
        Assert.False(window.ReserveAsync(Cancel).AsTask().IsCompleted);
    }

    [Fact]
    public async Task Waiting_can_be_cancelled_and_nobody_waits_for_a_window_that_is_gone()
    {
        var window = new OrderedWindow<int>(1, _ => { });
        await window.ReserveAsync(Cancel);
        using var stop = new CancellationTokenSource();
        var waiting = window.ReserveAsync(stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        window.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await window.ReserveAsync(Cancel));
    }
}
