using System.Diagnostics;
using System.Text.Json;
using Sealift.Plans.Documents;
using Sealift.Plans.Hooks;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Hooks;

public sealed class HookProcessTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-hooks-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Log => Path.Combine(directory, "logs", "hook.log");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task A_hook_is_told_of_its_machine_on_standard_input_and_its_output_is_kept()
    {
        var said = await HookProcess.RunAsync(Script("cat; echo \"to $1\" >&2", "an argument; with $HOME"), Input, Log, Cancel);
        Assert.Equal("exit code 0", said);
        var lines = await File.ReadAllLinesAsync(Log, Cancel);
        using var told = JsonDocument.Parse(lines.Single(l => l.StartsWith('{')));
        Assert.Equal(("web01", "saturday", "run", "m1", "PostHook", "sealed", "/seal.json"), (Field("machine"), Field("plan"), Field("run"), Field("migration"), Field("step"), Field("verdict"), Field("sealPath")));
        Assert.Contains("to an argument; with $HOME", lines); // no shell of ours reads it

        string? Field(string name) => told.RootElement.GetProperty(name).GetString();
    }

    [Fact]
    public async Task A_hook_that_succeeded_has_even_where_its_output_cannot_be_written()
    {
        await File.WriteAllTextAsync(Path.Combine(directory, "logs"), "in the way", Cancel);
        Assert.StartsWith("exit code 0; its output is not kept: ", await HookProcess.RunAsync(Script("echo here"), Input, Log, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exit 137", "SL1102", false, 137)]
    [InlineData("kill -9 $$", "SL1103", true, 9)]
    [InlineData("sleep 60", "SL1104", null, null)]
    public async Task Exit_code_signal_and_deadline_are_told_apart(string script, string code, bool? bySignal, int? number)
    {
        var hook = Script($"echo before; {script}");
        hook = hook with { Spec = hook.Spec with { Deadline = code == "SL1104" ? 1 : 60 } };
        var error = await Assert.ThrowsAsync<ChildException>(() => HookProcess.RunAsync(hook, Input, Log, Cancel));
        Assert.Equal(code, error.Code);
        if (bySignal is not null) Assert.Equal((bySignal, number), (error.End?.BySignal, error.End?.Number));
        Assert.Equal("before", (await File.ReadAllLinesAsync(Log, Cancel))[0]);
    }

    [Fact]
    public async Task More_output_than_is_kept_is_no_error_and_is_counted()
    {
        await HookProcess.RunAsync(Script("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789; i=$((i+1)); done"), Input, Log, Cancel);
        Assert.InRange(new FileInfo(Log).Length, HookProcess.OutputLimitCharacters * 9 / 10, HookProcess.OutputLimitCharacters + 200);
        Assert.EndsWith("more lines, which were not kept", (await File.ReadAllLinesAsync(Log, Cancel))[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_hook_leaves_behind_ends_with_it()
    {
        var pid = Path.Combine(directory, "pid");
        await HookProcess.RunAsync(Script($"sleep 300 >/dev/null 2>&1 & echo $! >{pid}"), Input, Log, Cancel);
        var id = int.Parse(await File.ReadAllTextAsync(pid, Cancel), System.Globalization.CultureInfo.InvariantCulture);
        var watch = Stopwatch.StartNew();
        while (Directory.Exists($"/proc/{id}") && !(await File.ReadAllTextAsync($"/proc/{id}/stat", Cancel)).Contains(") Z ", StringComparison.Ordinal))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), "it still runs");
            await Task.Delay(20, Cancel);
        }
    }

    [Fact]
    public void What_cannot_be_run_is_known_before()
    {
        Assert.Equal("SL7660", Code(new HookSpec { Program = "relative" }));
        Assert.Equal("SL7660", Code(new HookSpec { Program = "/no/such/program" }));
        Assert.Equal("SL7660", Code(new HookSpec { Program = "/bin/sh", Image = "both" }));
        Assert.Equal("SL7660", Code(new HookSpec()));
        Assert.Equal("SL7660", Code(new HookSpec { Image = "--privileged" }));
        if (ChildProcess.Find("podman") is null) Assert.Equal("SL7662", Code(new HookSpec { Image = "registry.example/hook" }));

        static string Code(HookSpec spec) => Assert.Throws<SealiftException>(() => HookProcess.Verify(new HookDocument { Metadata = new DocumentMetadata { Name = "h" }, Spec = spec })).Code;
    }

    [Fact]
    public void Hooks_run_in_the_order_of_what_they_need_and_otherwise_as_they_are_named()
    {
        Document[] documents = [Plan(["c", "a", "b"]), Hook("a", "b"), Hook("b"), Hook("c", "a", "elsewhere"), Hook("own")];
        var machine = new PlannedMachine { Name = "vm", Hooks = [Use("own"), Use("a")] };
        Assert.Equal(["b", "a", "c", "own"], HookOrder.Of(documents, machine, HookStep.PreHook).Select(h => h.Metadata.Name));
        Assert.Empty(HookOrder.Of(documents, machine, HookStep.PostHook));
        documents = [Plan(["a"]), Hook("a", "b"), Hook("b", "a")];
        machine = new PlannedMachine { Name = "vm", Hooks = [Use("b")] };
        Assert.Equal("SL7663", Assert.Throws<SealiftException>(() => HookOrder.Of(documents, machine, HookStep.PreHook)).Code);
        Assert.Equal("SL7664", Assert.Throws<SealiftException>(() => HookOrder.Of([Plan(["x"])], machine, HookStep.PreHook)).Code);

        static HookUse Use(string name) => new() { Hook = new DocumentReference { Name = name }, Step = HookStep.PreHook };
        static HookDocument Hook(string name, params string[] after) => new() { Metadata = new DocumentMetadata { Name = name }, Spec = new HookSpec { Program = "/bin/true", After = [.. after.Select(a => new DocumentReference { Name = a })] } };
        static PlanDocument Plan(string[] hooks) => new() { Metadata = new DocumentMetadata { Name = "p" }, Spec = Scheduling.Plans.Of(1) with { Hooks = [.. hooks.Select(Use)] } };
    }

    private static HookInput Input => new() { Machine = "web01", Plan = "saturday", Run = "run", Migration = "m1", Step = "PostHook", Verdict = "sealed", SealPath = "/seal.json" };

    private static HookDocument Script(string script, params string[] arguments) =>
        new() { Metadata = new DocumentMetadata { Name = "hook" }, Spec = new HookSpec { Program = "/bin/sh", Arguments = ["-c", script, "hook", .. arguments], Deadline = 60 } };
}
