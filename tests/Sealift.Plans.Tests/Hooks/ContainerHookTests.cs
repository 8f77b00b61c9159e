using System.Text.Json;
using Sealift.Plans.Documents;
using Sealift.Plans.Hooks;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Hooks;

/// <summary>Hooks that are containers, by podman itself, with an image that is one static program and comes from no registry.</summary>
public sealed class ContainerHookTests : IAsyncLifetime
{
    private const string Image = "localhost/sealift-hook:1";

    private readonly string directory = Directory.CreateTempSubdirectory("sealift-podman-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Log => Path.Combine(directory, "hook.log");

    public async ValueTask InitializeAsync()
    {
        // A storage of its own, and limits that are lower than any: to raise them takes a privilege that containers of tests do not have.
        await File.WriteAllTextAsync(Path.Combine(directory, "storage.conf"), $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{directory}/root\"\nrunroot = \"{directory}/run\"\n", Cancel);
        await File.WriteAllTextAsync(Path.Combine(directory, "containers.conf"), "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n", Cancel);
        Environment.SetEnvironmentVariable("CONTAINERS_STORAGE_CONF", Path.Combine(directory, "storage.conf"));
        Environment.SetEnvironmentVariable("CONTAINERS_CONF", Path.Combine(directory, "containers.conf"));
        var bin = Directory.CreateDirectory(Path.Combine(directory, "image", "bin")).FullName;
        File.Copy("/bin/busybox", Path.Combine(bin, "busybox"));
        File.CreateSymbolicLink(Path.Combine(bin, "sh"), "busybox");
        await RunAsync("tar", "-C", Path.Combine(directory, "image"), "-cf", Path.Combine(directory, "image.tar"), ".");
        await RunAsync("podman", "import", Path.Combine(directory, "image.tar"), Image);
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("podman", "rm", "--all", "--force", "--time", "0");
        await RunAsync("podman", "rmi", "--all", "--force");
        Environment.SetEnvironmentVariable("CONTAINERS_STORAGE_CONF", null);
        Environment.SetEnvironmentVariable("CONTAINERS_CONF", null);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_container_is_told_of_its_machine_has_no_network_and_is_gone_afterwards()
    {
        Assert.Equal("exit code 0", await HookProcess.RunAsync(Container("cat; echo $1; busybox ls /sys/class/net; busybox id -u >&2", "an argument; with $HOME"), Input, Log, Cancel));
        var lines = await File.ReadAllLinesAsync(Log, Cancel);
        using var told = JsonDocument.Parse(lines.Single(l => l.StartsWith('{')));
        Assert.Equal(("web01", "saturday"), (told.RootElement.GetProperty("machine").GetString(), told.RootElement.GetProperty("plan").GetString()));
        Assert.Contains("an argument; with $HOME", lines);
        Assert.Equal(["lo"], lines.Where(l => l is "lo" || l.StartsWith('e')));
        Assert.Equal(string.Empty, await ContainersAsync());
    }

    [Fact]
    public async Task Its_exit_code_is_told_and_one_that_takes_too_long_or_is_cancelled_is_killed_and_gone()
    {
        var failed = await Assert.ThrowsAsync<ChildException>(() => HookProcess.RunAsync(Container("echo oh dear; exit 3"), Input, Log, Cancel));
        Assert.Equal(("SL1102", (bool?)false, (int?)3), (failed.Code, failed.End?.BySignal, failed.End?.Number));
        Assert.Equal(["oh dear"], await File.ReadAllLinesAsync(Log, Cancel));

        var slow = Container("trap 'exit 0' TERM; echo begun; busybox sleep 600 & wait");
        Assert.Equal("SL1104", (await Assert.ThrowsAsync<ChildException>(() => HookProcess.RunAsync(slow with { Spec = slow.Spec with { Deadline = 8 } }, Input, Log, Cancel))).Code);
        Assert.Equal(["begun"], await File.ReadAllLinesAsync(Log, Cancel));
        Assert.Equal(string.Empty, await ContainersAsync());

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = HookProcess.RunAsync(slow, Input, Log, stop.Token);
        for (var i = 0; !(await ContainersAsync()).Contains("Up ", StringComparison.Ordinal); i++) Assert.True(i < 600 && !running.IsCompleted, "it does not begin");
        await stop.CancelAsync();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(string.Empty, await ContainersAsync());
    }

    /// <summary>On a busy host, podman looks at its container long after that is over.</summary>
    [Fact]
    public async Task However_late_podman_looks_the_exit_code_and_the_output_are_the_hooks_own()
    {
        var running = HookProcess.RunAsync(Container("busybox sleep 2; echo oh dear; exit 3"), Input, Log, Cancel);
        for (var i = 0; !(await ContainersAsync()).Contains("Up ", StringComparison.Ordinal); i++) Assert.True(i < 600 && !running.IsCompleted, "it does not begin");
        var podman = Directory.EnumerateDirectories("/proc").Single(p => CommandLineOf(p) is ["podman", "run", ..]);
        await RunAsync("kill", "-STOP", Path.GetFileName(podman));
        try
        {
            for (var i = 0; (await ContainersAsync()).Contains("Up ", StringComparison.Ordinal); i++) Assert.True(i < 600, "it does not end");
        }
        finally
        {
            await RunAsync("kill", "-CONT", Path.GetFileName(podman));
        }

        var failed = await Assert.ThrowsAsync<ChildException>(() => running);
        Assert.Equal(3, failed.End?.Number);
        Assert.Contains("oh dear", await File.ReadAllLinesAsync(Log, Cancel)); // podman itself tells of the signal
        Assert.Equal(string.Empty, await ContainersAsync());
    }

    /// <summary>A server was killed while its hook ran, and the container stayed: the next one runs under the same name.</summary>
    [Fact]
    public async Task What_a_server_that_was_killed_left_behind_is_in_nobodys_way()
    {
        await RunAsync("podman", "run", "--detach", "--name", "sealift-m1-hook-posthook", "--network=none", "--", Image, "/bin/sh", "-c", "trap 'exit 0' TERM; busybox sleep 600 & wait");
        Assert.Equal("exit code 0", await HookProcess.RunAsync(Container("echo again"), Input, Log, Cancel));
        Assert.Equal(string.Empty, await ContainersAsync());
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_said_by_podman()
    {
        var hook = Container("true");
        var error = await Assert.ThrowsAsync<ChildException>(() => HookProcess.RunAsync(hook with { Spec = hook.Spec with { Image = "localhost/no-such-image:1" } }, Input, Log, Cancel));
        Assert.Contains("no-such-image", error.Message + await File.ReadAllTextAsync(Log, Cancel), StringComparison.Ordinal);
    }

    private static HookInput Input => new() { Machine = "web01", Plan = "saturday", Run = "run", Migration = "m1", Step = "PostHook", Verdict = "sealed", SealPath = "/seal.json" };

    private static HookDocument Container(string script, params string[] arguments) =>
        new() { Metadata = new DocumentMetadata { Name = "hook" }, Spec = new HookSpec { Image = Image, Arguments = ["/bin/sh", "-c", script, "hook", .. arguments], Deadline = 120 } };

    private static string[] CommandLineOf(string process)
    {
        try
        {
            return [.. File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0').Select((a, i) => i == 0 ? Path.GetFileName(a) : a)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // no process, or one that has ended
        }
    }

    private static async Task<string> ContainersAsync() => await RunAsync("podman", "ps", "--all", "--format", "{{.Names}} {{.Status}}");

    private static async Task<string> RunAsync(string program, params string[] arguments) =>
        (await ChildProcess.RunAsync(new ChildCommand(program, arguments) { StartsOthers = false, Deadline = TimeSpan.FromMinutes(3) }, Cancel)).Output;
}
