using System.Text.Json;

namespace Sealift.EndToEnd;

/// <summary>Guests with something wrong inside: looked at by the real appliance and the real converter.</summary>
public sealed class DamagedGuestTests(Rig rig)
{
    private const string Uuid = "11111111-2222-3333-4444-555555555555";

    [Fact]
    public async Task Damage_stops_it_before_the_copy_and_a_waiver_by_name_lets_it_through_as_degraded()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), Path.Combine(rig.NewDirectory(), "box"));
        // A file's inode is gone and its name still there.
        await HostileSources.RunAsync("debugfs", "-w", "-R", "clri /data", source);

        var refused = await Attempt.RunAsync(rig, rig.NewDirectory(), target, [source], ["migrate", source, "--to", target, "--no-convert"]);
        Assert.True(refused.Result.ExitCode == 1, refused.Said);
        Attempt.AssertReadable(refused.Failure, "SL7201", $"ext4.errors:{Uuid}");
        Assert.DoesNotContain(refused.Events, e => Attempt.Kind(e) == "step-started" && e.GetProperty("step").GetString() == "copy");
        Assert.False(Directory.Exists(target));

        // Class and file system as the error names them.
        var waiver = $"ext4.errors:{Uuid}=scratch space, rebuilt every night";
        var waived = await Attempt.RunAsync(rig, rig.NewDirectory(), target, [source], ["migrate", source, "--to", target, "--no-convert", "--accept-degraded", "--waive", waiver]);
        Assert.True(waived.Result.ExitCode == 3, waived.Said);
        Assert.Equal("degraded", waived.Predicate.GetProperty("verdict").GetString());
        var before = waived.Predicate.GetProperty("findingsBefore").EnumerateArray().Where(f => f.GetProperty("standing").GetString() == "waived").ToList();
        Assert.NotEmpty(before);
        // There is no operating system on it, which stops no migration that converts nothing.
        Assert.Contains(waived.Predicate.GetProperty("findingsBefore").EnumerateArray(), f => (Text(f, "class"), Text(f, "standing")) == ("preflight.no-operating-system", "note"));
        Assert.All(before, f => Assert.Equal(("ext4.errors", Uuid, "scratch space, rebuilt every night"), (Text(f, "class"), Text(f, "filesystem"), Text(f, "waiver"))));
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(target, "box-disk1.raw")));
    }

    [Fact]
    public async Task What_cannot_be_converted_is_said_before_the_copy()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), Path.Combine(rig.NewDirectory(), "box"));
        var refused = await Attempt.RunAsync(rig, rig.NewDirectory(), target, [source], ["migrate", source, "--to", target]);
        Assert.True(refused.Result.ExitCode == 1, refused.Said);
        Attempt.AssertReadable(refused.Failure, "SL7212", "preflight.no-operating-system:machine");
        Assert.DoesNotContain(refused.Events, e => Attempt.Kind(e) == "step-started" && e.GetProperty("step").GetString() == "copy");
        Assert.False(Directory.Exists(target));
        var finding = Assert.Single(refused.Events, e => Attempt.Kind(e) == "finding" && Text(e.GetProperty("finding"), "class")!.StartsWith("preflight.", StringComparison.Ordinal)).GetProperty("finding");
        Assert.Equal(("preflight.no-operating-system", "obstacle"), (Text(finding, "class"), Text(finding, "severity")));
        Assert.Equal("inherited", Text(Assert.Single(refused.Predicate.GetProperty("findingsBefore").EnumerateArray(), f => Text(f, "class") == "preflight.no-operating-system"), "standing"));
    }

    [Fact]
    public async Task What_cannot_be_converted_says_how_it_can_be_migrated()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var attempt = await Attempt.RunAsync(rig, rig.NewDirectory(), target, [source], ["migrate", source, "--to", target, "--no-check", "--accept-degraded"]);
        Assert.True(attempt.Result.ExitCode == 1, attempt.Said);
        Attempt.AssertReadable(attempt.Failure, "SL5101", "--no-convert");
        Assert.Empty(Directory.EnumerateFiles(target));
        // The copy stays as it arrived, in the work directory; the overlay is gone.
        var work = Assert.Single(Directory.EnumerateDirectories(target));
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(work, "disk1.raw")));
        Assert.Empty(Directory.EnumerateFiles(work, "*overlay*"));
    }

    private static string? Text(JsonElement e, string name) => e.GetProperty(name).GetString();
}
