using System.Globalization;

namespace Sealift.Posix.Tests;

/// <summary>What the kernel does with signals that nobody handles.</summary>
public sealed class SignalDispositionTests
{
    private const ulong FileSizeExceeded = 1ul << (25 - 1);

    [Fact]
    public async Task A_write_beyond_a_limit_ends_no_process_and_children_get_the_default_back()
    {
        SignalDisposition.IgnoreFileSizeExceeded();
        Assert.NotEqual(0ul, Ignored(await File.ReadAllTextAsync("/proc/self/status", TestContext.Current.CancellationToken)) & FileSizeExceeded);
        var child = await ChildProcess.RunAsync(new ChildCommand("cat", "/proc/self/status"), TestContext.Current.CancellationToken);
        Assert.Equal(0ul, Ignored(child.Output) & FileSizeExceeded);
    }

    [Fact]
    public void What_the_kernel_refuses_is_told()
    {
        using var armed = FaultyLibc.Arm("sigaction", Errno.EINVAL, 1);
        var error = Assert.Throws<PosixException>(SignalDisposition.IgnoreFileSizeExceeded);
        Assert.Equal(("sigaction", Errno.EINVAL), (error.Call, error.Errno));
        Assert.Contains("SIGXFSZ", error.Message, StringComparison.Ordinal);
    }

    private static ulong Ignored(string status) =>
        ulong.Parse(status.Split('\n').Single(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
