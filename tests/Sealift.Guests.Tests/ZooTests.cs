using Sealift.Bench.FileSystems;
using Sealift.Bench.FileSystems.Kinds;

namespace Sealift.Guests.Tests;

/// <summary>The rules of the zoo: what Sealift says of everything that a disk can hold, sound, taken while mounted, and damaged in every structure. <c>bench/zoo</c> prints it as a table.</summary>
[Collection(nameof(Zoo))]
public sealed class ZooTests(Zoo zoo)
{
    public static TheoryData<string> Kinds => [.. Collection.All.Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_sound_or_only_dirty_is_never_called_damaged(string name)
    {
        var sound = Assert.Single(TrialsOf(name), t => t.Damage is null);
        Assert.DoesNotContain(sound.Findings, f => f.Severity == FindingSeverity.Damage);
        Assert.NotEmpty(sound.Filesystems);
        if (sound.Kind.IsDirty) Assert.Contains(sound.Findings, f => f.Class.Contains("dirty", StringComparison.Ordinal));
        if (!sound.Kind.IsNotCovered) Assert.All(sound.Filesystems, f => Assert.True(f.Clean, f.Device));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_the_plain_checker_mentions_is_reported(string name)
    {
        // One word of its output is enough, whatever its exit code. What is not covered was said to be unchecked before, and still has to be.
        foreach (var trial in TrialsOf(name).Where(t => t.IsMentioned))
            Assert.True(trial.Says != Saying.Nothing || (trial.Kind.IsNotCovered && trial.Findings.Any(f => f.Class == "not-checked")), $"{trial}:\n{trial.Plain!.Text}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_not_covered_is_never_called_clean(string name)
    {
        foreach (var trial in TrialsOf(name))
        {
            // Whoever is called clean was looked at by somebody, and nothing on the same device is said not to have been.
            Assert.All(trial.Filesystems.Where(f => f.Clean), f => Assert.NotEqual(string.Empty, f.CheckedBy));
            Assert.All(trial.Findings.Where(f => f.Class == "not-checked"), n => Assert.DoesNotContain(trial.Filesystems, f => f.Clean && f.Device == n.Device));
            if (trial.Kind.IsNotCovered) Assert.True(trial.IsDamaged || trial.Findings.Any(f => f.Class == "not-checked"), $"{trial} is passed over in silence");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_structure_is_hit_and_each_damage_is_located_by_the_block_map(string name)
    {
        var trials = TrialsOf(name).Where(t => t.Damage is not null).ToList();
        if (trials[0].Kind is not (Signature or PartitionsInLvm)) Assert.InRange(trials.Select(t => (t.Damage!.Structure, t.Damage.Kind)).Distinct().Count(), 6, int.MaxValue);
        Assert.All(trials, t => Assert.True(t.IsLocatedByMap, t.ToString()));
    }

    /// <summary>What no checker can see: only the block map does, and Btrfs's own checksums, which nobody reads in full before a copy.</summary>
    [Fact]
    public void Damage_to_the_content_of_files_is_seen_by_the_block_map_alone()
    {
        var data = zoo.Trials.Where(t => t.Damage is { IsToData: true }).ToList();
        Assert.InRange(data.Select(t => t.Kind).Distinct().Count(), 20, int.MaxValue);
        Assert.All(data, t => Assert.Equal((Saying.Nothing, true), (t.Says, t.IsLocatedByMap)));
        Assert.DoesNotContain(data, t => t.IsMentioned);
    }

    [Theory]
    [InlineData("NTFS")]
    [InlineData("NTFS, dirty")]
    public void Nine_of_ten_damages_to_NTFS_are_found(string name)
    {
        var damaged = TrialsOf(name).Where(t => t.Damage is { IsToData: false }).ToList();
        var found = damaged.Count(t => t.Says is Saying.Damage or Saying.Note);
        Assert.InRange(found, (damaged.Count * 9 / 10) + 1, damaged.Count);
    }

    private IEnumerable<Trial> TrialsOf(string name) => zoo.Trials.Where(t => t.Kind.Name == name);
}
