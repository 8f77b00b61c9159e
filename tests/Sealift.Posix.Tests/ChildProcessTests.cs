using System.Diagnostics;

namespace Sealift.Posix.Tests;

public sealed class ChildProcessTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Output_and_exit_code_come_back()
    {
        var result = await ChildProcess.RunAsync(new ChildCommand("sh", "-c", "echo one; echo two; echo warned >&2; exit 3") { AcceptedExitCodes = [0, 3] }, Cancel);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal("one\ntwo\n", result.Output);
        Assert.Equal("warned\n", result.ErrorTail);
    }

    [Fact]
    public async Task An_exit_code_that_nobody_accepts_quotes_the_last_words()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("sh", "-c", "echo the disk is on fire >&2; exit 4"), Cancel));
        Assert.Equal("SL1102", error.Code);
        Assert.Contains("exit code 4", error.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is on fire", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signal_is_told_from_an_exit_code()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("sh", "-c", "kill -SEGV $$"), Cancel));
        Assert.Equal("SL1103", error.Code);
        Assert.Contains("signal 11", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_is_not_installed_is_named()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("no-such-program-here"), Cancel));
        Assert.Equal("SL1101", error.Code);
        Assert.Contains("no-such-program-here is not installed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_kills_the_child_and_everything_that_it_started()
    {
        var marker = $"sleep 4{Random.Shared.Next(100_000, 999_999)}";
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(
            new ChildCommand("sh", "-c", $"echo last words >&2; {marker} & wait") { Deadline = TimeSpan.FromMilliseconds(500) }, Cancel));
        Assert.Equal("SL1104", error.Code);
        Assert.Contains("last words", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20));
        Assert.False(IsAlive(marker), "the grandchild survived");
    }

    [Fact]
    public async Task Silence_is_not_waited_for_longer_than_agreed()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(
            new ChildCommand("sh", "-c", "echo started; exec sleep 300") { SilenceDeadline = TimeSpan.FromMilliseconds(600) }, Cancel));
        Assert.Contains("silent for", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_kills_it()
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var marker = $"sleep 5{Random.Shared.Next(100_000, 999_999)}";
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ChildProcess.RunAsync(new ChildCommand("sh", "-c", $"{marker} & wait"), cancel.Token));
        Assert.False(IsAlive(marker));
    }

    [Fact]
    public async Task Endless_output_is_an_error_and_not_cut_silently()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("yes") { OutputLimitCharacters = 10_000 }, Cancel));
        Assert.Equal("SL1105", error.Code);
    }

    [Fact]
    public async Task A_variable_that_holds_a_secret_is_kept_from_every_child()
    {
        var (secret, other) = ($"SEALIFT_TEST_{Random.Shared.Next():x}", $"SEALIFT_TEST_{Random.Shared.Next():x}_PLAIN");
        Environment.SetEnvironmentVariable(secret, "correct-horse");
        Environment.SetEnvironmentVariable(other, "anybody's");
        try
        {
            Assert.Contains($"{secret}=correct-horse\n", await EnvironmentAsync(new ChildCommand("env")), StringComparison.Ordinal);
            ChildProcess.WithholdVariable(secret);
            foreach (var command in new[] { new ChildCommand("env"), new ChildCommand("sh", "-c", "env") { Environment = new Dictionary<string, string?> { ["MORE"] = "1" } } })
            {
                var given = await EnvironmentAsync(command);
                Assert.DoesNotContain(secret, given, StringComparison.Ordinal);
                Assert.DoesNotContain("correct-horse", given, StringComparison.Ordinal);
                Assert.Contains($"{other}=anybody's\n", given, StringComparison.Ordinal);
            }

            // Whoever gives it to a child on purpose may.
            Assert.Contains($"{secret}=meant\n", await EnvironmentAsync(new ChildCommand("env") { Environment = new Dictionary<string, string?> { [secret] = "meant" } }), StringComparison.Ordinal);
            Assert.Equal("correct-horse", Environment.GetEnvironmentVariable(secret)); // our own
        }
        finally
        {
            Environment.SetEnvironmentVariable(secret, null);
            Environment.SetEnvironmentVariable(other, null);
        }

        static async Task<string> EnvironmentAsync(ChildCommand command) => (await ChildProcess.RunAsync(command, Cancel)).Output;
    }

    [Fact]
    public async Task Input_reaches_it_and_arguments_are_never_parsed_by_a_shell()
    {
        var result = await ChildProcess.RunAsync(new ChildCommand("cat") { StandardInput = "through\n" }, Cancel);
        Assert.Equal("through\n", result.Output);
        result = await ChildProcess.RunAsync(new ChildCommand("printf", "%s|%s", "$(id); `id`", "two words"), Cancel);
        Assert.Equal("$(id); `id`|two words\n", result.Output);
    }

    [Fact]
    public async Task A_running_child_can_be_talked_to_and_is_gone_after_dispose()
    {
        int id;
        await using (var child = ChildProcess.Start(new ChildCommand("cat")))
        {
            id = child.Id;
            await child.SendAsync("hello\n", Cancel);
            Assert.Equal("hello", await child.ReadLineAsync(Cancel));
            Assert.True(child.IsRunning);
        }

        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    /// <summary>Its process group does not exist before it has called setsid: a kill of the group alone would miss it, and it would be waited for.</summary>
    [Fact]
    public async Task A_child_that_is_no_longer_wanted_at_once_is_gone_too()
    {
        for (var i = 0; i < 200; i++)
        {
            var child = ChildProcess.Start(new ChildCommand("sleep", "300"));
            var id = child.Id;
            await child.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel);
            Assert.False(Directory.Exists($"/proc/{id}"));
        }
    }

    [Fact]
    public async Task A_child_that_nobody_listens_to_does_not_block_its_end()
    {
        await using var child = ChildProcess.Start(new ChildCommand("yes"));
        await Task.Delay(200, Cancel); // long enough that the pump is waiting for a reader; the assertion does not depend on it
        var watch = Stopwatch.StartNew();
        await child.DisposeAsync();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task What_a_child_leaves_running_in_its_group_is_not_waited_for()
    {
        var marker = $"sleep 3{Random.Shared.Next(100_000, 999_999)}";
        var result = await ChildProcess.RunAsync(new ChildCommand("sh", "-c", $"{marker} & echo done") { Deadline = TimeSpan.FromSeconds(20) }, Cancel).WaitAsync(TimeSpan.FromSeconds(40), Cancel);
        Assert.Equal("done\n", result.Output);
        Assert.False(IsAlive(marker));
    }

    [Fact]
    public async Task What_a_child_leaves_running_elsewhere_and_talking_is_an_error_and_not_waited_for()
    {
        var file = Path.GetTempFileName();
        try
        {
            var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(
                new ChildCommand("sh", "-c", $"setsid sh -c 'echo $$ >{file}; exec sleep 300' & while [ ! -s {file} ]; do sleep 0.05; done; echo done") { Deadline = TimeSpan.FromSeconds(60) }, Cancel).WaitAsync(TimeSpan.FromSeconds(40), Cancel));
            Assert.Equal("SL1104", error.Code);
            Assert.Contains("left running", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            using (var left = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(file, Cancel), System.Globalization.CultureInfo.InvariantCulture))) left.Kill();
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_line_without_an_end_takes_no_memory_without_an_end()
    {
        var before = GC.GetTotalAllocatedBytes();
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("sh", "-c", "tr '\\0' x </dev/zero"), Cancel));
        Assert.Equal("SL1104", error.Code);
        Assert.Contains("a line of more than", error.Message, StringComparison.Ordinal);

        var result = await ChildProcess.RunAsync(new ChildCommand("sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x >&2; echo over >&2"), Cancel);
        Assert.EndsWith("over\n", result.ErrorTail, StringComparison.Ordinal);
        Assert.InRange(result.ErrorTail.Length, 1, 1 << 20);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 400L << 20);
    }

    [Fact]
    public async Task Lines_end_as_text_readers_end_them()
    {
        var lines = new List<string>();
        await ChildProcess.RunAsync(new ChildCommand("printf", "one\\r\\ntwo\\rthree\\n\\nfour\\r\\r\\nfive") { OnOutputLine = lines.Add }, Cancel);
        Assert.Equal(["one", "two", "three", "", "four", "", "five"], lines);
    }

    [Fact]
    public async Task A_child_that_answers_while_it_is_told_does_not_stop_both()
    {
        var text = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i}\n"));
        var result = await ChildProcess.RunAsync(new ChildCommand("cat") { StandardInput = text, Deadline = TimeSpan.FromSeconds(30) }, Cancel);
        Assert.Equal(text, result.Output);
    }

    [Fact]
    public async Task The_guard_of_a_child_that_starts_others_changes_nothing_else()
    {
        var result = await ChildProcess.RunAsync(
            new ChildCommand("sh", "-c", "cat; echo \"$1\"; echo warned >&2; exit 3", "sh", "two  $words") { StartsOthers = true, StandardInput = "through\n", AcceptedExitCodes = [3] }, Cancel);
        Assert.Equal(("through\ntwo  $words\n", "warned\n", 3), (result.Output, result.ErrorTail, result.ExitCode));
        var signal = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("sh", "-c", "kill -SEGV $$") { StartsOthers = true }, Cancel));
        Assert.Equal("SL1103", signal.Code);
        Assert.Contains("signal 11", signal.Message, StringComparison.Ordinal);
    }

    private static bool IsAlive(string commandLine)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            try
            {
                if (File.ReadAllText(Path.Combine(directory, "cmdline")).Replace('\0', ' ').Trim() == commandLine) return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended between the listing and the read: not alive.
            }
        }

        return false;
    }
}
