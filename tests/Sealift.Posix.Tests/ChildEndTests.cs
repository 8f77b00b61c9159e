using System.Diagnostics;
using System.Globalization;

namespace Sealift.Posix.Tests;

/// <summary>How a child ended is told as it was, and whatever goes wrong on our side ends the child at once.</summary>
public sealed class ChildEndTests
{
    // Far beyond what the tests wait for: where a child is only ended by it, they fail.
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Exit_code_137_is_not_signal_9(bool startsOthers)
    {
        var code = new ChildCommand("sh", "-c", "exit 137") { StartsOthers = startsOthers };
        var signal = new ChildCommand("sh", "-c", "kill -KILL $$") { StartsOthers = startsOthers };
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(code, Cancel));
        Assert.Equal("SL1102", error.Code);
        Assert.Contains("exit code 137", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(signal, Cancel));
        Assert.Equal("SL1103", error.Code);
        Assert.Contains("signal 9 ", error.Message, StringComparison.Ordinal);

        Assert.Equal(137, (await ChildProcess.RunAsync(code with { AcceptedExitCodes = [137] }, Cancel)).ExitCode);
        error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(signal with { AcceptedExitCodes = [0, 9, 137] }, Cancel));
        Assert.Equal("SL1103", error.Code);
    }

    [Theory]
    [InlineData("exit 0", false, 0)]
    [InlineData("exit 255", false, 255)]
    [InlineData("kill -TERM $$", true, 15)]
    [InlineData("kill -PIPE $$", true, 13)]
    public async Task The_end_is_what_the_kernel_says(string script, bool bySignal, int number)
    {
        await using var child = ChildProcess.Start(new ChildCommand("sh", "-c", script));
        await child.WaitAsync(Cancel);
        Assert.Equal((bySignal, number), (child.End!.Value.BySignal, child.End.Value.Number));
        Assert.False(child.IsRunning);
    }

    [Fact]
    public async Task What_the_listener_to_errors_throws_ends_the_child_at_once()
    {
        var thrown = new IOException("the log is full");
        var command = new ChildCommand("sh", "-c", "while echo words >&2; do :; done") { Deadline = Long, OnErrorLine = _ => throw thrown };
        var error = await Assert.ThrowsAsync<IOException>(() => ChildProcess.RunAsync(command, Cancel).WaitAsync(Soon, Cancel));
        Assert.Same(thrown, error);
    }

    [Fact]
    public async Task What_the_listener_to_output_throws_ends_the_child_at_once()
    {
        var thrown = new InvalidOperationException("no such step");
        var marker = Processes.NewMarker();
        var command = new ChildCommand("sh", "-c", "while echo words; do :; done", marker) { Deadline = Long, OnOutputLine = _ => throw thrown };
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ChildProcess.RunAsync(command, Cancel).WaitAsync(Soon, Cancel));
        Assert.Same(thrown, error);
        Assert.Empty(Processes.With(marker));
    }

    [Fact]
    public async Task What_a_listener_throws_is_not_lost_where_nobody_waits()
    {
        var thrown = new InvalidOperationException("no such step");
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var child = ChildProcess.Start(new ChildCommand("sh", "-c", "echo words >&2; exec sleep 300")
        {
            Deadline = Long,
            OnErrorLine = _ =>
            {
                heard.SetResult();
                throw thrown;
            },
        });
        await heard.Task.WaitAsync(Soon, Cancel);
        Assert.Null(await child.ReadLineAsync(Cancel).WaitAsync(Soon, Cancel)); // it is dead, so its output ends
        Assert.Same(thrown, await Assert.ThrowsAsync<InvalidOperationException>(async () => await child.DisposeAsync()));
        Assert.False(Directory.Exists($"/proc/{child.Id}"));
    }

    [Fact]
    public async Task What_a_listener_throws_is_told_once()
    {
        var child = ChildProcess.Start(new ChildCommand("sh", "-c", "echo words >&2; exec sleep 300") { Deadline = Long, OnErrorLine = _ => throw new InvalidOperationException("no such step") });
        await Assert.ThrowsAsync<InvalidOperationException>(() => child.WaitAsync(Cancel).WaitAsync(Soon, Cancel));
        await child.DisposeAsync();
    }

    /// <summary>The pipe holds 64 KiB, and somebody outside of the child's group holds its other end without ever reading.</summary>
    [Fact]
    public async Task Input_that_nobody_reads_is_not_waited_for_after_the_end()
    {
        using var directory = new TemporaryDirectory();
        var file = directory.File("id");
        const string Script = "exec 3<&0; setsid sh -c 'echo $$ >\"$1\"; exec sleep 300' sh \"$1\" <&3 3<&- >/dev/null 2>&1 & while [ ! -s \"$1\" ]; do sleep 0.05; done";
        try
        {
            var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(
                new ChildCommand("sh", "-c", Script, "sh", file) { StandardInput = new string('x', 1 << 20), Deadline = Long }, Cancel).WaitAsync(Soon, Cancel));
            Assert.Equal("SL1106", error.Code);
            Assert.Contains("keeps it open", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            using var left = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(file, Cancel), CultureInfo.InvariantCulture));
            left.Kill();
        }
    }

    [Fact]
    public async Task A_child_that_closed_its_output_and_never_reads_meets_its_deadline()
    {
        var command = new ChildCommand("sh", "-c", "exec sleep 300 >/dev/null 2>&1") { StandardInput = new string('x', 1 << 20), Deadline = TimeSpan.FromSeconds(1) };
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(command, Cancel).WaitAsync(Soon, Cancel));
        Assert.Equal("SL1104", error.Code);
    }

    [Fact]
    public async Task Input_that_an_accepted_end_left_unread_is_an_error()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("true") { StandardInput = new string('x', 1 << 20) }, Cancel));
        Assert.Equal("SL1106", error.Code);
    }

    /// <summary>As one that hangs in the kernel: a traced process does not end for its parent before its tracer has looked, and this one sleeps.</summary>
    [Fact]
    public async Task A_child_that_does_not_end_though_it_was_killed_is_not_waited_for()
    {
        var child = ChildProcess.Start(new ChildCommand("sleep", "300") { Deadline = Long });
        await using var itsTracer = ChildProcess.Start(new ChildCommand("strace", "-q", "-o", "/dev/null", "-p", $"{child.Id}"));
        await Processes.UntilAsync(() => File.ReadAllText($"/proc/{child.Id}/status").Contains($"TracerPid:\t{itsTracer.Id}\n", StringComparison.Ordinal), "it is not traced");
        await ChildProcess.RunAsync(new ChildCommand("kill", "-STOP", $"{itsTracer.Id}"), Cancel);
        await Processes.UntilAsync(() => File.ReadAllText($"/proc/{itsTracer.Id}/stat").Contains(") T ", StringComparison.Ordinal), "its tracer does not sleep");

        var waiting = child.WaitAsync(Cancel);
        var error = await Assert.ThrowsAsync<ChildException>(() => child.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(2), Cancel));
        Assert.Equal("SL1109", error.Code);
        Assert.Same(error, await Assert.ThrowsAsync<ChildException>(() => waiting));

        await ChildProcess.RunAsync(new ChildCommand("kill", "-CONT", $"{itsTracer.Id}"), Cancel);
        await Processes.UntilAsync(() => !Directory.Exists($"/proc/{child.Id}"), "it is not reaped once it does end");
    }

    /// <summary>Only time in which we listen counts: a slow callback of ours is not held against the child.</summary>
    [Theory]
    [InlineData(3_000, 12)] // it has ended by then, and more lines wait than we keep: longer than any grace
    [InlineData(100_000, 3)] // it waits on a full pipe
    public async Task Output_that_we_are_slow_to_take_is_not_held_against_the_child(int lines, int slowSeconds)
    {
        var heard = 0;
        var command = new ChildCommand("seq", $"{lines}")
        {
            SilenceDeadline = TimeSpan.FromSeconds(1),
            OnOutputLine = _ =>
            {
                if (heard++ == 0) Thread.Sleep(TimeSpan.FromSeconds(slowSeconds));
            },
        };
        await ChildProcess.RunAsync(command, Cancel);
        Assert.Equal(lines, heard);
    }
}
