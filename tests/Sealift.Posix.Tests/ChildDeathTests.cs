using System.Globalization;

namespace Sealift.Posix.Tests;

/// <summary>Nobody is left when the parent of children is killed, at whatever moment.</summary>
public sealed class ChildDeathTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>
    /// The kernel is asked to kill the child with its parent by the child itself, after its start. Here it takes a second until it does,
    /// and its parent is dead by then.
    /// </summary>
    [Theory]
    [InlineData("alone")]
    [InlineData("others")]
    public async Task A_child_whose_parent_dies_before_it_has_begun_does_not_begin(string others)
    {
        using var directory = new TemporaryDirectory();
        var marker = Processes.NewMarker();
        var begun = directory.File("begun");
        await SlowDownAsync(directory, "setpriv");
        await using var parent = await StartAsync(directory, "holds", "go", others, "sh", "-c", "echo begun >\"$0\"; exec sleep 300 0.$1", begun, marker);
        Assert.Contains(Processes.With(marker), id => id != parent.Id); // it is on its way
        await KillAsync(parent);
        await Processes.UntilAsync(() => Processes.With(marker).Count == 0, "the child survived its parent");
        Assert.False(File.Exists(begun), "it began to work without a parent");
    }

    /// <summary>Many deaths at moments that nobody chose, while children are started one after the other.</summary>
    [Fact]
    public async Task A_parent_that_is_killed_while_it_starts_children_leaves_nobody()
    {
        using var directory = new TemporaryDirectory();
        for (var i = 0; i < 15; i++)
        {
            var marker = Processes.NewMarker();
            await using var parent = await StartAsync(directory, "starts", "go", "sleep", "300", "0." + marker);
            await Task.Delay(Random.Shared.Next(60), Cancel);
            await KillAsync(parent);
            await Processes.UntilAsync(() => Processes.With(marker).Count == 0, $"run {i}: a child survived");
        }
    }

    [Fact]
    public async Task What_a_child_started_dies_with_its_parent_where_a_guard_was_asked_for()
    {
        using var directory = new TemporaryDirectory();
        var marker = Processes.NewMarker();
        // The second and third level, and one that would not hear of a signal.
        await using var parent = await StartAsync(directory, "holds", "go", "others", "sh", "-c", "trap '' TERM HUP; sh -c 'sleep 300 & wait' sh \"$0\" & sleep 300 & wait", marker);
        await Processes.UntilAsync(() => Processes.With(marker).Count(id => id != parent.Id) >= 2, "it never ran");
        var session = Processes.With(marker).Where(id => id != parent.Id).Select(Processes.SessionOf).Distinct().Single();
        await Processes.UntilAsync(() => Processes.InSession(session).Count >= 5, "its children, and the guard, never ran");
        await KillAsync(parent);
        await Processes.UntilAsync(() => Processes.InSession(session).Count == 0, "what the child had started survived");
    }

    /// <summary>The guard is nobody that the program sees, and it is gone when the program is.</summary>
    [Fact]
    public async Task The_guard_ends_with_the_child()
    {
        int session;
        await using (var child = ChildProcess.Start(new ChildCommand("sleep", "300") { StartsOthers = true }))
        {
            session = child.Id;
            await Processes.UntilAsync(() => Processes.Executes(child.Id, "sleep"), "it never ran");
            Assert.Equal(2, Processes.InSession(session).Count);
            Assert.Equal(string.Empty, (await File.ReadAllTextAsync($"/proc/{child.Id}/task/{child.Id}/children", Cancel)).Trim());
        }

        await Processes.UntilAsync(() => Processes.InSession(session).Count == 0, "the guard is left");
    }

    [Fact]
    public async Task No_zombie_is_left_where_nobody_asks_how_a_child_ended()
    {
        var ids = Enumerable.Range(0, 20).Select(_ => ChildProcess.Start(new ChildCommand("true")).Id).ToList();
        await Processes.UntilAsync(() => !ids.Exists(id => Directory.Exists($"/proc/{id}")), "a zombie is left");
    }

    private static async Task SlowDownAsync(TemporaryDirectory directory, string program)
    {
        var slow = directory.File(program);
        await File.WriteAllTextAsync(slow, $"#!/bin/sh\nsleep 1\nexec {ChildProcess.Find(program)} \"$@\"\n", Cancel);
        PosixPath.SetPermissions(slow, 0x1ED /* 0755 */);
    }

    /// <summary>Starts a parent and waits until it says that it has begun.</summary>
    private static async Task<ChildProcess> StartAsync(TemporaryDirectory directory, params string[] arguments)
    {
        var command = OtherParent.Command(arguments);
        var parent = ChildProcess.Start(new ChildCommand(command[0], command[1..])
        {
            Environment = new Dictionary<string, string?> { ["PATH"] = $"{directory.Path}:{Environment.GetEnvironmentVariable("PATH")}" },
            Deadline = TimeSpan.FromMinutes(2),
        });
        Assert.Equal("go", await parent.ReadLineAsync(Cancel));
        return parent;
    }

    /// <summary>Kills it alone, not its group, and so that nothing of its own can be done first.</summary>
    private static async Task KillAsync(ChildProcess parent)
    {
        await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", parent.Id.ToString(CultureInfo.InvariantCulture)), Cancel);
        await parent.WaitAsync(Cancel);
        Assert.Equal(new ChildEnd(BySignal: true, 9), parent.End);
    }
}
