namespace Sealift.Posix.Tests;

/// <summary>A connection that somebody else reads from is ended from outside.</summary>
public sealed class SocketSwitchTests
{
    [Fact]
    public void It_ends_the_line_whoever_has_it_open_and_again_is_no_error()
    {
        using var pair = new SocketPair();
        using var line = SocketSwitch.Of(pair.Descriptor, "line");
        line.ShutDown();
        Assert.Equal(0, pair.Receive(new byte[1]));
        line.ShutDown();
    }

    [Fact]
    public void Once_closed_it_ends_nothing()
    {
        using var pair = new SocketPair();
        var line = SocketSwitch.Of(pair.Descriptor, "line");
        line.Dispose();
        using (FaultyLibc.Arm("shutdown", Errno.EBADF, int.MaxValue)) line.ShutDown();
        line.Dispose();
    }

    [Fact]
    public void What_is_no_descriptor_is_said() =>
        Assert.Equal(Errno.EBADF, Assert.Throws<PosixException>(() => SocketSwitch.Of(1 << 24, "line")).Errno);
}
