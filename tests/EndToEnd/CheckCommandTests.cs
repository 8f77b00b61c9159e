using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift check</c> as users have it: what it says, what it exits with, and that nothing is left behind, however it ends.</summary>
public sealed class CheckCommandTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string[]> Plain => new()
    {
        { "ext4", ["mkfs.ext4", "-q", "-F"] },
        { "ntfs", ["mkntfs", "-F", "-q", "-p", "0", "-H", "16", "-S", "63"] },
    };

    [Theory]
    [MemberData(nameof(Plain))]
    public async Task A_plain_image_is_checked_and_no_appliance_is_started(string type, string[] make)
    {
        var directory = rig.NewDirectory();
        var image = await ImageAsync(directory, make);
        var before = Digest.OfFile(image);
        // Whatever an appliance consists of is another program here, which says that it was called.
        var tools = Directory.CreateDirectory(Path.Combine(directory, "tools")).FullName;
        foreach (var tool in new[] { "guestfish", "supermin", "qemu-system-x86_64" })
        {
            await File.WriteAllTextAsync(Path.Combine(tools, tool), $"#!/bin/sh\n: >'{tools}/called'\nexit 1\n", Cancel);
            PosixPath.SetPermissions(Path.Combine(tools, tool), 0x1ED /* 0755 */);
        }

        var command = rig.Command(directory, ["check", image, "--json"]) with { Environment = new Dictionary<string, string?> { ["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}" } };
        var result = await ChildProcess.RunAsync(command, Cancel);
        Assert.True(result.ExitCode == 0, result.Output + result.ErrorTail);
        Assert.False(File.Exists(Path.Combine(tools, "called")), "a part of the appliance was started");
        var events = Events(result);
        var filesystem = Assert.Single(events, e => Kind(e) == "filesystem");
        Assert.Equal((type, "direct", true), (Text(filesystem, "type"), Text(filesystem, "checkedVia"), filesystem.GetProperty("clean").GetBoolean()));
        Assert.DoesNotContain(events, e => Kind(e) == "finding");
        var last = events[^1];
        Assert.Equal(("check-finished", false, 0, 0), (Kind(last), last.GetProperty("usedAppliance").GetBoolean(), last.GetProperty("damages").GetInt32(), last.GetProperty("notChecked").GetInt32()));
        TestContext.Current.SendDiagnosticMessage($"{type}: {last.GetProperty("elapsedSeconds").GetDouble().ToString(CultureInfo.InvariantCulture)} s");
        Assert.Equal(before, Digest.OfFile(image));
        Assert.Contains("everything was checked and is sound", (await CheckAsync(directory, image)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_exits_with_1_and_says_what_to_do()
    {
        var directory = rig.NewDirectory();
        var image = await ImageAsync(directory, "mkfs.ext4", "-q", "-F", "-b", "4096");
        using (var file = PosixFile.Open(image, OpenMode.ReadWrite)) file.WriteAt(new byte[4096], 4096); // the group descriptors
        var result = await CheckAsync(directory, image);
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(@"(?m)^disk1 +ext4 .*DAMAGED", result.Output);
        Assert.Matches(@"(?m)^DAMAGE ext4\.errors:[0-9a-f-]{36} on disk1, ext4$", result.Output);
        Assert.Contains("what to do: Run e2fsck", result.Output, StringComparison.Ordinal);
        Assert.Contains("--waive 'ext4.errors:", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_disks_of_one_machine_and_what_nothing_checks_exit_with_3()
    {
        var directory = rig.NewDirectory();
        var image = await ImageAsync(directory, "mkfs.ext4", "-q", "-F", "-L", "data");
        var unknown = Path.Combine(directory, "unknown.raw");
        using (var file = PosixFile.Open(unknown, OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            file.SetLength(1 << 20);
            file.WriteAt("nobody knows what this is"u8, 4096);
        }

        var result = await CheckAsync(directory, image, unknown, "--source-format", "raw");
        Assert.True(result.ExitCode == 3, result.Output + result.ErrorTail);
        Assert.Matches(@"(?m)^disk1 +ext4 +data +64 MiB +sound +e2fsck \S+, direct: ", result.Output);
        Assert.Matches(@"(?m)^disk2 +unknown +1 MiB +not checked ", result.Output);
        Assert.EndsWith("no damage was found, and 1 of what is there was not checked\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_OVA_is_checked_as_migrate_would_take_it()
    {
        var directory = rig.NewDirectory();
        var result = await CheckAsync(directory, rig.TwoDiskOva, "--json");
        Assert.True(result.ExitCode == 0, result.Output + result.ErrorTail);
        var events = Events(result);
        Assert.Equal(["disk1 partition 1", "disk2"], events.Where(e => Kind(e) == "filesystem").Select(e => Text(e, "device").Split(", ")[0]));
        Assert.False(events[^1].GetProperty("usedAppliance").GetBoolean());
    }

    [Fact]
    public async Task What_is_no_source_is_refused()
    {
        var directory = rig.NewDirectory();
        var result = await CheckAsync(directory, Path.Combine(directory, "gone.raw"));
        Assert.Equal(5, result.ExitCode);
        Assert.Contains("SL6", result.ErrorTail, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    /// <summary>Killed in the middle of a check: daemon, checker and mounts go with it.</summary>
    [Fact]
    public async Task Killed_by_force_it_leaves_no_mount_and_no_process()
    {
        var directory = rig.NewDirectory();
        var image = await ImageAsync(directory, "mkfs.ext4", "-q", "-F");
        // The checker runs as a user who may not pass through a private directory, so this one lies where everybody may.
        var open = Directory.CreateTempSubdirectory("sealift-open-").FullName;
        try
        {
            PosixPath.SetPermissions(open, 0x1ED /* 0755 */);
            var marker = $"7{Random.Shared.Next(100_000, 999_999)}";
            await File.WriteAllTextAsync(Path.Combine(open, "e2fsck"), $"#!/bin/sh\nexec sleep {marker}\n", Cancel);
            PosixPath.SetPermissions(Path.Combine(open, "e2fsck"), 0x1ED /* 0755 */);
            var command = rig.Command(directory, ["check", image, "--log", Path.Combine(directory, "check.log")]) with
            {
                Environment = new Dictionary<string, string?> { ["PATH"] = $"{open}:{Environment.GetEnvironmentVariable("PATH")}" },
            };
            await using var check = ChildProcess.Start(command);
            check.EndInput();
            var drain = Task.Run(async () => { while (await check.ReadLineAsync(Cancel) is not null) { } }, Cancel);
            await UntilAsync(async () => await FindAsync("-x", "-f", $"sleep {marker}") is [_], "the checker never ran");
            var daemon = Assert.Single(await FindAsync("-P", $"{check.Id}", "qemu-storage-"));
            Assert.Contains("fuse", await File.ReadAllTextAsync($"/proc/{daemon}/mounts", Cancel), StringComparison.Ordinal);
            await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{check.Id}"), Cancel);
            await UntilAsync(async () => await FindAsync("-x", "-f", $"sleep {marker}") is [], "the checker survived");
            await UntilAsync(() => Task.FromResult(!Directory.Exists($"/proc/{daemon}")), "the daemon survived");
            await drain;
            Assert.DoesNotContain((await File.ReadAllTextAsync("/proc/mounts", Cancel)).Split('\n'), l => l.Contains("fuse", StringComparison.Ordinal) && l.Contains("sealift-work-", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(open, recursive: true);
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> reached, string otherwise)
    {
        for (var i = 0; i < 300; i++)
        {
            if (await reached()) return;
            await Task.Delay(100, Cancel);
        }

        Assert.Fail(otherwise);
    }

    private static async Task<string[]> FindAsync(params string[] arguments) =>
        (await ChildProcess.RunAsync(new ChildCommand("pgrep", arguments) { AcceptedExitCodes = [0, 1] }, Cancel)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static async Task<string> ImageAsync(string directory, params string[] make)
    {
        var path = Path.Combine(directory, "disk.raw");
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(64 << 20);
        await ChildProcess.RunAsync(new ChildCommand(make[0], [.. make[1..], path]), Cancel);
        return path;
    }

    private Task<ChildResult> CheckAsync(string directory, params string[] arguments) => rig.RunAsync(directory, ["check", .. arguments], Cancel);

    private static List<JsonElement> Events(ChildResult result) =>
        [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Kind(JsonElement happened) => Text(happened, "event");

    private static string Text(JsonElement happened, string name) => happened.GetProperty(name).GetString()!;
}
