namespace Sealift.Posix.Tests;

/// <summary>What a child starts with, and what is said where it does not start.</summary>
public sealed class ChildStartTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("#!/no/such/interpreter\n", 0x1ED, "not found")]
    [InlineData("#!/bin/sh\n", 0x1A4, "may not be executed")]
    public async Task A_program_that_cannot_be_executed_is_told_from_one_that_fails(string content, int permissions, string said)
    {
        using var directory = new TemporaryDirectory();
        var program = directory.File("program");
        await File.WriteAllTextAsync(program, content, Cancel);
        PosixPath.SetPermissions(program, permissions);
        // Also where the shell's code for it would be an answer.
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand(program) { AcceptedExitCodes = [0, 126, 127] }, Cancel));
        Assert.Equal("SL1101", error.Code);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("start-", error.Message, StringComparison.Ordinal);
        Assert.Equal(127, (await ChildProcess.RunAsync(new ChildCommand("sh", "-c", "exit 127") { AcceptedExitCodes = [127] }, Cancel)).ExitCode);
    }

    [Fact]
    public async Task A_directory_that_does_not_exist_is_named()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("true") { WorkingDirectory = "/no/such/directory" }, Cancel));
        Assert.Equal("SL1101", error.Code);
        Assert.Contains("/no/such/directory", error.Message, StringComparison.Ordinal);
        Assert.Equal("/usr\n", (await ChildProcess.RunAsync(new ChildCommand("pwd") { WorkingDirectory = "/usr" }, Cancel)).Output);
    }

    [Fact]
    public async Task More_arguments_than_the_kernel_takes_are_an_error()
    {
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(new ChildCommand("true", new string('x', 200_000)), Cancel));
        Assert.Equal("SL1101", error.Code);
        Assert.Contains("E2BIG", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Finding follows execvp(3): what is not a file that we may execute is passed over.</summary>
    [Fact]
    public void A_program_is_looked_for_as_the_kernel_would_find_it()
    {
        using var directory = new TemporaryDirectory();
        var path = Environment.GetEnvironmentVariable("PATH");
        PosixPath.CreateDirectory(directory.File("true"), 0x1ED);
        File.WriteAllText(directory.File("false"), "#!/bin/sh\n");
        PosixPath.SetPermissions(directory.File("false"), 0x1A4);
        File.WriteAllText(directory.File("only-here"), "#!/bin/sh\n");
        PosixPath.SetPermissions(directory.File("only-here"), 0x1ED);
        try
        {
            Environment.SetEnvironmentVariable("PATH", $"{directory.Path}:{path}");
            Assert.Equal(directory.File("only-here"), ChildProcess.Find("only-here"));
            Assert.NotEqual(directory.File("true"), ChildProcess.Find("true"));
            Assert.NotEqual(directory.File("false"), ChildProcess.Find("false"));
            Assert.Null(ChildProcess.Find(directory.File("false")));
            Assert.Null(ChildProcess.Find("no-such-program-here"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }

    [Theory]
    [InlineData('\0', "NUL")]
    [InlineData('\ud800', "surrogate")]
    public async Task A_text_that_would_arrive_as_another_is_refused(char bad, string said)
    {
        var text = $"a{bad}b";
        foreach (var command in (ChildCommand[])
            [
                new("echo", "x", text), new("echo") { Environment = new Dictionary<string, string?> { ["NAME"] = text } },
                new("echo") { Environment = new Dictionary<string, string?> { [text] = "x" } }, new("echo") { WorkingDirectory = text }, new("/bin/" + text),
            ])
        {
            var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(command, Cancel));
            Assert.Equal("SL1108", error.Code);
            Assert.Contains(said, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Arguments_arrive_byte_for_byte()
    {
        string[] arguments = ["", " ", "-n", "--", "ä€𝄞", "\n", "'\"\\$(id)`id`*", "\u0001\u007f", new string('x', 100_000)];
        var result = await ChildProcess.RunAsync(new ChildCommand("/usr/bin/printf", ["<%s>\\0", .. arguments]), Cancel);
        Assert.Equal(string.Concat(arguments.Select(a => $"<{a}>\0")) + "\n", result.Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_environment_is_ours_with_what_was_set_and_the_locale_C(bool startsOthers)
    {
        var changes = new Dictionary<string, string?> { ["HOME"] = null, ["SEALIFT_TEST"] = "two words=\n€", ["LC_ALL"] = "de_DE.UTF-8" };
        var result = await ChildProcess.RunAsync(new ChildCommand("env", "-0") { Environment = changes, StartsOthers = startsOthers }, Cancel);
        var variables = result.Output.TrimEnd('\n').Split('\0', StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        Assert.Contains("LC_ALL=C", variables);
        Assert.Contains("SEALIFT_TEST=two words=\n€", variables);
        Assert.Contains($"PATH={Environment.GetEnvironmentVariable("PATH")}", variables);
        Assert.DoesNotContain(variables, v => v.StartsWith("HOME=", StringComparison.Ordinal) || v.StartsWith("PPID=", StringComparison.Ordinal));
    }

    /// <summary>The runtime ignores SIGPIPE; a child that inherited that would not end when its reader has gone.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Signals_are_at_their_defaults_and_there_is_no_terminal(bool startsOthers)
    {
        await using var child = ChildProcess.Start(new ChildCommand("sleep", "300") { StartsOthers = startsOthers });
        await Processes.UntilAsync(() => Processes.Executes(child.Id, "sleep"), "it never ran");
        var status = await File.ReadAllLinesAsync($"/proc/{child.Id}/status", Cancel);
        foreach (var mask in (string[])["SigBlk", "SigIgn", "SigCgt"]) Assert.Contains($"{mask}:\t0000000000000000", status);
        Assert.Equal(child.Id, Processes.SessionOf(child.Id));
    }

    /// <summary>Neither other children's pipes nor what we inherited ourselves.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_descriptor_is_inherited_but_the_three_streams(bool startsOthers)
    {
        await using var other = ChildProcess.Start(new ChildCommand("cat") { StartsOthers = true });
        using var directory = new TemporaryDirectory();
        using var leaked = new LeakedDescriptors(directory.File("leaked"), 7, 57);
        await using var child = ChildProcess.Start(new ChildCommand("sleep", "300") { StartsOthers = startsOthers });
        await Processes.UntilAsync(() => Processes.Executes(child.Id, "sleep"), "it never ran");
        Assert.Equal(["0", "1", "2"], Directory.EnumerateFiles($"/proc/{child.Id}/fd").Select(f => Path.GetFileName(f)).Order());
    }

    [Fact]
    public async Task Output_that_is_not_UTF_8_is_marked_and_chooses_no_other_encoding()
    {
        var result = await ChildProcess.RunAsync(new ChildCommand("printf", "a\\377b\\n\\303\\244\\n\\303"), Cancel);
        Assert.Equal("a\ufffdb\nä\n\ufffd\n", result.Output);
        result = await ChildProcess.RunAsync(new ChildCommand("printf", "\\377\\376o\\0k\\0"), Cancel); // UTF-16, by its mark
        Assert.Equal("\ufffd\ufffdo\0k\0\n", result.Output);
    }

    /// <summary>Where our own streams are closed, new descriptors are 0, 1 and 2; where SIGCHLD is ignored, the kernel forgets how children end.</summary>
    [Theory]
    [InlineData("exec \"$@\" <&- >&- 2>&-", "open")]
    [InlineData("exec \"$@\"", "closed")]
    [InlineData("exec env --ignore-signal=CHLD \"$@\"", "open")]
    [InlineData("exec env --ignore-signal \"$@\"", "open")]
    [InlineData("exec env --block-signal \"$@\"", "open")]
    public async Task A_parent_that_was_started_badly_runs_children_all_the_same(string script, string streams)
    {
        using var directory = new TemporaryDirectory();
        var file = directory.File("told");
        var parent = new ChildCommand("sh", ["-c", script, "sh", .. OtherParent.Command("tells", file, streams, "sh", "-c", "cat; cat <&8; exit 3")]) { Deadline = TimeSpan.FromMinutes(1), AcceptedExitCodes = [0, 1] };
        await ChildProcess.RunAsync(parent, Cancel);
        Assert.Equal("3 told\nsecret\n", await File.ReadAllTextAsync(file, Cancel));
    }

    [Fact]
    public async Task Many_children_at_once_end_as_they_should()
    {
        var runs = Enumerable.Range(0, 200).Select(i => ChildProcess.RunAsync(new ChildCommand("sh", "-c", "cat; exit $1", "sh", $"{i % 3}") { StandardInput = $"{i}\n", AcceptedExitCodes = [i % 3] }, Cancel)).ToList();
        var results = await Task.WhenAll(runs);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}\n"), results.Select(r => r.Output));
    }
}
