using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;
using Sealift.Rigs;

namespace Sealift.Faults.Kills;

/// <summary>The same where storage copies by itself: it may have done what nobody heard of, and go on when nobody listens.</summary>
public sealed class StorageKillTests(OtherSide side)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, 2, 90)]
    [InlineData(true, 2, 90)]
    public async Task Killed_while_the_file_system_shares_blocks_a_copy_is_gone_on_from(bool power, int stride, int atLeast)
    {
        var directory = side.NewDirectory();
        var image = Path.Combine(directory, "xfs.img");
        await using var xfs = await MountedDirectory.MountAsync(Path.Combine(directory, "xfs"), $"truncate -s 320M {image} && mkfs.xfs -q -m reflink=1 {image} >&2 && mount -o loop {image} {directory}/xfs");
        var library = await Rig.CompileAsync(OtherSide.Script("kill-at.c"), directory, Cancel);
        await DemandAsync(new KilledReflink(side.Sealift), "ficlonerange", library, power, stride, atLeast, xfs.Path);
    }

    [Fact]
    public async Task Killed_while_an_array_copies_a_copy_is_gone_on_from()
    {
        var directory = side.NewDirectory();
        var (source, target) = (Path.Combine(directory, "source"), Path.Combine(directory, "target"));
        await File.WriteAllBytesAsync(source, Workspace.SourceContent.ToArray(), Cancel);
        Workspace.WriteOldBytes(target);
        await using var array = await IscsiTarget.StartAsync(directory, [source, target], [], Cancel);
        var library = await Rig.CompileAsync(OtherSide.Script("kill-at.c"), directory, Cancel);
        await DemandAsync(new KilledXcopy(side.Sealift, array.Uri(1), source, array.Uri(2), target), "send", library, power: false, stride: 12, atLeast: 15, null);
    }

    private static async Task DemandAsync(KilledCommand command, string call, string library, bool power, int stride, int atLeast, string? parent)
    {
        var trials = await KillSweep.RunAsync([command], library, power, stride, null, Cancel, parent);
        Console.WriteLine($"{(power ? "power cut" : "kill -9")}, {command.Name}: {KillSweep.Summary(trials)}");
        var bad = trials.Where(t => t.Outcome is not (Outcome.CorrectResult or Outcome.NotReached)).Select(t => $"{t.Outcome} {t.Kill}: {t.Detail}").ToList();
        Assert.True(bad.Count == 0, string.Join("\n", bad));
        Assert.True(trials.Count(t => t.Outcome == Outcome.CorrectResult) >= atLeast, KillSweep.Summary(trials));
        // Some died at the very call by which the storage copies.
        Assert.Contains(trials, t => t.Outcome == Outcome.CorrectResult && t.Detail.Contains($"{call} ", StringComparison.Ordinal));
    }
}
