namespace Sealift.Posix.Tests;

[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class Alone;

/// <summary>Each call of the table by which children are started and waited for, made to fail. Alone, because some are made on other threads.</summary>
[Collection("Alone")]
public sealed class ChildCallTests : IDisposable
{
    private readonly ChildSecret secret = new("password", 3, "secret");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ChildCommand Command => new("cat", "/dev/fd/3") { Secrets = [secret], StartsOthers = true };

    public void Dispose() => secret.Dispose();

    [Theory]
    [InlineData("pipe2", "pipe2", 4)]
    [InlineData("fcntl", "fcntl(F_DUPFD_CLOEXEC)", 2)]
    [InlineData("memfd_create", "memfd_create", 1)]
    [InlineData("pwrite64", "pwrite", 1)]
    [InlineData("access", "access", 2)]
    public async Task Nothing_is_started_where_a_call_before_it_fails(string native, string call, int times)
    {
        for (var after = 0; after < times; after++)
        {
            foreach (var errno in new[] { Errno.EMFILE, Errno.ENOMEM, Errno.EIO })
            {
                using var armed = FaultyLibc.Arm(native, errno, 1, after);
                var error = Assert.ThrowsAny<SealiftException>(() => ChildProcess.Start(Command));
                Assert.Contains(errno.ToString(), error.Message, StringComparison.Ordinal);
                if (error is PosixException posix) Assert.Equal(call, posix.Call);
                else Assert.Equal(("SL1101", call), (error.Code, Assert.IsType<PosixException>(error.InnerException).Call));
                Assert.Equal(after + 1, FaultyLibc.Count);
            }
        }

        Assert.Equal("secret\n", (await ChildProcess.RunAsync(Command, Cancel)).Output);
    }

    [Fact]
    public void Seals_that_cannot_be_set_are_an_error()
    {
        const int AddSeals = 1033;
        using var armed = FaultyLibc.Arm("fcntl", Errno.EPERM, 1, after: 6); // two for each of the three streams
        var error = Assert.Throws<ChildException>(() => ChildProcess.Start(Command));
        Assert.Equal("fcntl(F_ADD_SEALS)", Assert.IsType<PosixException>(error.InnerException).Call);
        Assert.Equal(AddSeals, FaultyLibc.Argument(0));
    }

    [Fact]
    public async Task A_kernel_that_does_not_know_the_newest_flag_is_asked_without_it()
    {
        using (FaultyLibc.Arm("memfd_create", Errno.EINVAL, 1))
        {
            await using var child = ChildProcess.Start(Command);
            Assert.Equal(2, FaultyLibc.Count);
            Assert.Equal("secret", await child.ReadLineAsync(Cancel));
        }

        using (FaultyLibc.Arm("memfd_create", Errno.EINVAL, 2)) Assert.Throws<ChildException>(() => ChildProcess.Start(Command));
    }

    [Fact]
    public async Task A_secret_arrives_whole_where_writing_it_is_interrupted_and_does_less()
    {
        await using (var child = StartUnder(most: 1))
            Assert.Equal("secret", await child.ReadLineAsync(Cancel));

        // A write of nothing would be repeated for ever.
        using var armed = FaultyLibc.Arm("pwrite64", error: 0, times: int.MaxValue, after: 1, most: 2);
        var error = Assert.Throws<SealiftException>(() => ChildProcess.Start(Command));
        Assert.Equal("SL1003", error.Code);
        Assert.Contains("4 bytes at offset 2", error.Message, StringComparison.Ordinal);

        ChildProcess StartUnder(int most)
        {
            using var _ = FaultyLibc.Arm("pwrite64", Errno.EINTR, SystemCall.MostRepeats, after: 1, most: most);
            return ChildProcess.Start(Command);
        }
    }

    [Fact]
    public void A_program_that_may_not_be_executed_is_looked_for_further_on()
    {
        foreach (var errno in new[] { Errno.EACCES, Errno.ENOENT })
        {
            using var armed = FaultyLibc.Arm("access", errno, 1);
            Assert.NotNull(ChildProcess.Find("true"));
            Assert.Equal(2, FaultyLibc.Count);
        }
    }

    [Fact]
    public async Task A_start_that_fails_says_so_with_the_call()
    {
        using (FaultyLibc.Everywhere("posix_spawn", Errno.EAGAIN))
        {
            var error = Assert.Throws<ChildException>(() => ChildProcess.Start(Command));
            Assert.Equal(("SL1101", "posix_spawn"), (error.Code, Assert.IsType<PosixException>(error.InnerException).Call));
        }

        Assert.Equal("secret\n", (await ChildProcess.RunAsync(Command, Cancel)).Output);
    }

    [Fact]
    public async Task How_a_child_ended_is_asked_again_after_a_signal_and_not_for_ever()
    {
        using (FaultyLibc.Everywhere("waitid", Errno.EINTR))
        {
            var child = ChildProcess.Start(new ChildCommand("true"));
            var error = await Assert.ThrowsAsync<PosixException>(() => child.WaitAsync(Cancel));
            Assert.Equal(("waitid", Errno.EINTR), (error.Call, error.Errno));
            await Assert.ThrowsAsync<PosixException>(async () => await child.DisposeAsync()); // it does not end well by being asked no more
        }
    }

    [Fact]
    public async Task A_child_that_cannot_be_killed_is_an_error_unless_it_is_gone()
    {
        await using var child = ChildProcess.Start(new ChildCommand("cat"));
        using (FaultyLibc.Arm("kill", Errno.EPERM, int.MaxValue)) Assert.Equal(("kill", Errno.EPERM), Thrown(() => child.Terminate()));
        using (FaultyLibc.Arm("kill", Errno.ESRCH, int.MaxValue)) child.Terminate();
        child.EndInput();
        Assert.Equal(0, await child.WaitAsync(Cancel));

        static (string, Errno) Thrown(Action act)
        {
            var error = Assert.Throws<PosixException>(act);
            return (error.Call, error.Errno);
        }
    }
}
