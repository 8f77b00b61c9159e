namespace Sealift.Posix.Tests;

/// <summary>Another program in our place; that it takes it is tried by the tests of the server, which the command becomes.</summary>
public sealed class ProgramReplacementTests
{
    [Fact]
    public void A_program_that_is_not_there_leaves_this_one_as_it_was()
    {
        var error = Assert.Throws<PosixException>(() => ProgramReplacement.Execute("/nonexistent/sealift-server", ["--listen", "127.0.0.1:0"]));
        Assert.Equal((Errno.ENOENT, "execve", "/nonexistent/sealift-server"), (error.Errno, error.Call, error.Subject));
    }

    [Fact]
    public void An_argument_that_is_no_text_is_refused() =>
        Assert.Throws<ArgumentException>(() => ProgramReplacement.Execute("/bin/true", ["a\0b"]));
}
