using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Storage;

namespace Sealift.Faults;

/// <summary>The judge of bench/faults: who is known to lie is found out, and who is right is not accused.</summary>
public sealed class PeerTableTests(OtherSide side)
{
    private static readonly Injection None = new("fsync", "EIO", 1000, "never");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("qemu-img convert -f raw -O raw -t writeback SOURCE TARGET", "fdatasync", "EIO", "target.raw", Outcome.SwallowedError)]
    [InlineData("nbdcopy --synchronous --flush SOURCE TARGET", "sync_file_range", "EIO", "target.raw", Outcome.SwallowedError)]
    [InlineData("nbdcopy --synchronous --flush SOURCE TARGET", "fsync", "EIO", "target.raw", Outcome.CleanError)]
    [InlineData("cp --sparse=auto SOURCE TARGET", "read", "EIO", "source.raw", Outcome.CleanError)]
    [InlineData("cp --sparse=auto SOURCE TARGET", "read", "EINTR", "source.raw", Outcome.CorrectResult)]
    [InlineData("cp --sparse=auto SOURCE TARGET", "close", "EIO", "target.raw", Outcome.CleanError)]
    [InlineData("cp --sparse=auto SOURCE TARGET && sync TARGET", "fsync", "EIO", "target.raw", Outcome.CleanError)]
    [InlineData("dd bs=64K conv=fsync if=SOURCE of=TARGET", "fsync", "EIO", "target.raw", Outcome.CleanError)]
    public async Task A_peer_is_judged_by_what_it_claims(string name, string call, string error, string file, Outcome expected)
    {
        var tool = PeerTools.All.Single(t => t.Name == name);
        var trace = await Trial.ObserveAsync(tool, NewPath(), Cancel); // which throws where an undisturbed run is not right
        var fault = trace.Faults().Last(f => (f.Call, f.Error, f.File) == (call, error, file));
        var trial = await Trial.RunAsync(tool, fault, NewPath(), Cancel);
        Assert.True(trial.Outcome == expected, $"{trial.Outcome} after {fault}: {trial.Detail}");
    }

    /// <summary>Whoever believes that there are no more data, when that is not so, has a copy with less in it.</summary>
    [Theory]
    [InlineData("nbdcopy --synchronous --flush SOURCE TARGET", true)]
    [InlineData("cp --sparse=auto SOURCE TARGET", true)]
    [InlineData("dd bs=64K conv=fsync if=SOURCE of=TARGET", false)]
    public async Task Who_believes_a_false_end_of_data_is_found_out(string name, bool believes)
    {
        var tool = PeerTools.All.Single(t => t.Name == name);
        var faults = (await Trial.ObserveAsync(tool, NewPath(), Cancel)).Faults().Where(FaultTable.IsFalseStatement).ToList();
        var outcomes = new List<Outcome>();
        foreach (var fault in faults) outcomes.Add((await Trial.RunAsync(tool, fault, NewPath(), Cancel)).Outcome);
        Assert.Equal(believes, outcomes.Contains(Outcome.SilentCorruption));
    }

    [Theory]
    [InlineData("exit 0", Outcome.SilentCorruption)]
    [InlineData("head -c 4192768 /dev/zero >\"$2\"", Outcome.SilentCorruption)]
    [InlineData("cp \"$1\" \"$2\"; printf x >>\"$2\"", Outcome.SilentCorruption)]
    [InlineData("cp \"$1\" \"$2\"; kill -SEGV $$", Outcome.Complaint)]
    [InlineData("cp \"$1\" \"$2\"; printf x >>\"$1\"", Outcome.Complaint)]
    [InlineData("cp \"$1\" \"$2\"", Outcome.NotReached)]
    [InlineData("exit 1", Outcome.NotReached)]
    public async Task Who_lies_by_itself_is_found_out(string script, Outcome expected) =>
        Assert.Equal(expected, (await Trial.RunAsync(new Fake(script), None, NewPath(), Cancel)).Outcome);

    [Fact]
    public async Task Who_does_not_end_hangs() =>
        Assert.Equal(Outcome.Hang, (await Trial.RunAsync(new Fake("sleep 600"), None, NewPath(), Cancel, TimeSpan.FromSeconds(1))).Outcome);

    /// <summary>A close that fails after a good flush, or before the first write, is not held against anybody as a lost write.</summary>
    [Fact]
    public async Task A_close_with_nothing_to_report_is_told_from_one_that_has()
    {
        async Task<Trial> Last(string name)
        {
            var tool = PeerTools.All.Single(t => t.Name == name);
            var close = (await Trial.ObserveAsync(tool, NewPath(), Cancel)).Faults().Last(f => (f.Call, f.Error, f.File) == ("close", "EIO", "target.raw"));
            return await Trial.RunAsync(tool, close, NewPath(), Cancel);
        }

        var flushed = await Last("qemu-img convert -f raw -O raw -t writeback SOURCE TARGET");
        Assert.Equal((Outcome.SwallowedError, false), (flushed.Outcome, flushed.IsAtStake));
        var unflushed = await Last("qemu-img convert -f raw -O raw SOURCE TARGET");
        Assert.Equal((Outcome.SwallowedError, true), (unflushed.Outcome, unflushed.IsAtStake));
    }

    [Theory]
    [InlineData("device loses writes", "pwrite:EIO:700000", "qemu-img convert -f raw -O raw -t writeback SOURCE TARGET", Outcome.SilentCorruption)]
    [InlineData("device loses writes", "pwrite:EIO:700000", "dd bs=64K conv=fsync if=SOURCE of=TARGET", Outcome.CleanError)]
    [InlineData("device fails to flush", "flush:EIO", "cp --sparse=auto SOURCE TARGET", Outcome.SwallowedError)]
    [InlineData("ext4 on a device that loses writes", "pwrite:EIO", "cp --sparse=auto SOURCE TARGET", Outcome.SilentCorruption)]
    [InlineData("ext4 on a device that loses writes", "pwrite:EIO", "cp --sparse=auto SOURCE TARGET && sync TARGET", Outcome.CleanError)]
    [InlineData("file system fills up", "1048576", "rsync -S --fsync SOURCE TARGET", Outcome.CleanError)]
    [InlineData("source changes", "written to@2800000", "cp --sparse=auto SOURCE TARGET", Outcome.SilentCorruption)]
    [InlineData("source changes", "replaced@2800000", "cp --sparse=auto SOURCE TARGET", Outcome.CorrectResult)]
    [InlineData("data called a hole", "hidden:0:1048576", "cp --sparse=auto SOURCE TARGET", Outcome.SilentCorruption)]
    [InlineData("data called a hole", "hidden:0:1048576", "dd bs=64K conv=fsync if=SOURCE of=TARGET", Outcome.CorrectResult)]
    [InlineData("NBD: writes dropped", "pwrite:drop:700000", "nbdcopy --flush SOURCE TARGET", Outcome.SilentCorruption)]
    [InlineData("NBD: flush fails", "flush:EIO", "nbdcopy --flush SOURCE TARGET", Outcome.CleanError)]
    [InlineData("NBD: flush fails", "flush:EIO", "nbdcopy SOURCE TARGET", Outcome.SwallowedError)]
    [InlineData("NBD: cut mid-reply", "source", "nbdcopy --flush SOURCE TARGET", Outcome.CleanError)]
    [InlineData("NBD: cut mid-reply", "target", "qemu-img convert -f raw -O raw -t none -T none SOURCE TARGET", Outcome.CleanError)]
    public async Task A_faulty_storage_is_one(string kind, string variant, string name, Outcome expected)
    {
        var fault = StorageSweep.Faults(side.FaultyStorage).Single(f => f.Name == kind);
        Assert.Contains(variant, fault.Cases);
        using var place = new Workspace(NewPath());
        var trial = await fault.RunAsync(PeerTools.All.Single(t => t.Name == name), variant, place, Cancel);
        Assert.True(trial.Outcome == expected, $"{trial.Outcome}: {trial.Detail}");
    }

    [Fact]
    public void The_table_counts_what_was_found()
    {
        var tool = new CopyTool("copier SOURCE TARGET [-x]");
        Injection On(string call, string error) => new(call, error, 1, "target.raw");
        Trial[] trials =
        [
            new(tool.Name, On("read", "EIO"), Outcome.CleanError, ""), new(tool.Name, On("read", "EINTR"), Outcome.CorrectResult, ""), new(tool.Name, On("open", "EIO"), Outcome.NotReached, ""),
            new(tool.Name, On("fsync", "EIO"), Outcome.SwallowedError, ""), new(tool.Name, On("close", "EIO"), Outcome.SwallowedError, ""),
            new(tool.Name, On("close", "EIO"), Outcome.SwallowedError, "") { IsAtStake = false },
            new(tool.Name, On("write", "EIO"), Outcome.SilentCorruption, ""), new(tool.Name, On("lseek", "ENXIO"), Outcome.SilentCorruption, ""),
            new(tool.Name, On("write", "EIO"), Outcome.Hang, ""), new(tool.Name, On("write", "EPIPE"), Outcome.Complaint, ""), new("another", On("write", "EPIPE"), Outcome.Complaint, ""),
        ];
        Assert.Equal("| `copier SOURCE TARGET` | yes | 10 (9) | 1 | 1 | **1** | **1** | 1 | **1** | 1 | **1** | **1** |", FaultTable.OfCalls([tool], trials).Split('\n')[2]);
    }

    [Fact]
    public void A_command_is_what_its_name_says()
    {
        Assert.Equal(PeerTools.All.Count, PeerTools.All.Select(t => t.Name).Distinct().Count());
        var convert = new CopyTool("qemu-img convert [-n] SOURCE TARGET");
        Assert.Equal("qemu-img convert SOURCE TARGET", convert.Name);
        Assert.Equal(["qemu-img", "convert", "/s", "/not/there"], convert.Command("/s", "/not/there", "/state"));
        Assert.Equal(["qemu-img", "convert", "-n", "/s", "nbd+unix:///?socket=/x"], convert.Command("/s", "nbd+unix:///?socket=/x", "/state"));
        Assert.Equal(["sh", "-c", "cp \"$1\" \"$2\" && sync \"$2\"", "sh", "/a b", "/c"], new CopyTool("cp SOURCE TARGET && sync TARGET").Command("/a b", "/c", "/state"));
    }

    private string NewPath() => Path.Combine(side.NewDirectory(), "t");

    private sealed record Fake(string Script) : Tool(Script)
    {
        public override IReadOnlyList<string> Command(Workspace place) => ["sh", "-c", Script, "sh", place.Source, place.Target];
    }
}
