using Sealift.Bench.FileSystems.Kinds;
using Sealift.Guests;

namespace Sealift.Bench.FileSystems;

/// <summary>What Sealift made of an exhibit, the worst of it.</summary>
public enum Saying
{
    /// <summary>Nothing more than of the same before it was damaged.</summary>
    Nothing,

    /// <summary>A note that was not there before; never of a kind that calls something clean.</summary>
    Note,

    /// <summary>That it was not checked, which was not so before.</summary>
    NotChecked,

    /// <summary>Damage.</summary>
    Damage,
}

/// <summary>One exhibit, sound or with one damage, and what everybody says of it.</summary>
/// <param name="kind">What it is.</param>
/// <param name="damage">What was done to it; null where nothing was.</param>
/// <param name="drives">Its disks, by keys that no other exhibit has.</param>
public sealed class Trial(Kind kind, Damage? damage, IReadOnlyList<GuestDrive> drives)
{
    private GuestReport? report;

    /// <summary>What it is.</summary>
    public Kind Kind => kind;

    /// <summary>What was done to it; null where nothing was.</summary>
    public Damage? Damage => damage;

    /// <summary>Its disks. They hold what was examined only as long as the appliance is still to be asked.</summary>
    public IReadOnlyList<GuestDrive> Drives => drives;

    /// <summary>The same exhibit before the damage; itself where there is none.</summary>
    public Trial Before { get => field ?? this; init; }

    /// <summary>What else Linux has said of it; null where there is nothing that checks it.</summary>
    public PlainSaying? Plain { get; init; }

    /// <summary>Whether the block map shows exactly the blocks that were damaged, and no other; null where nothing was.</summary>
    public bool? IsLocatedByMap { get; init; }

    /// <summary>Whether only the appliance can answer, and has not been asked yet.</summary>
    public bool IsLeft => report is null;

    /// <summary>What Sealift found.</summary>
    public IReadOnlyList<Finding> Findings => Report.Findings;

    /// <summary>What Sealift takes it for.</summary>
    public IReadOnlyList<GuestFilesystem> Filesystems => Report.Inspection.Filesystems;

    /// <summary>Whether it is called damaged.</summary>
    public bool IsDamaged => Findings.Any(f => f.Severity == FindingSeverity.Damage);

    /// <summary>What Sealift says that it did not say before.</summary>
    public Saying Says
    {
        get
        {
            var before = damage is null ? [] : Before.Findings.Select(f => f.Class).ToHashSet();
            if (IsDamaged) return Saying.Damage;
            if (Findings.Any(f => f.Class == "not-checked" && !before.Contains(f.Class))) return Saying.NotChecked;
            return Findings.Any(f => !before.Contains(f.Class)) ? Saying.Note : Saying.Nothing;
        }
    }

    /// <summary>Whether the plain checker's exit code is another one than before.</summary>
    public bool IsSeenByCode => Plain is { } plain && damage is not null && plain.Fails && plain.DiffersByCode(Before.Plain!);

    /// <summary>Whether it fails now, or says one thing that it did not say before.</summary>
    public bool IsMentioned => Plain is { } plain && damage is not null && plain.Complains(Before.Plain!);

    private GuestReport Report => report ?? throw new InvalidOperationException($"The appliance was not asked about {this}");

    /// <summary>Takes what was said of it, of it alone or of many in one machine.</summary>
    public void Hear(GuestReport whole) => report = PartOf(whole, drives);

    /// <summary>What a report says of some of its disks.</summary>
    public static GuestReport PartOf(GuestReport whole, IReadOnlyList<GuestDrive> drives)
    {
        ArgumentNullException.ThrowIfNull(whole);
        var keys = drives.Select(d => d.Key).ToHashSet();
        // "a+b volume x/y, ext4": the disks stand first.
        bool IsOwn(string device) => device.Split(' ', ',')[0].Split('+').All(keys.Contains);
        return whole with
        {
            Inspection = whole.Inspection with { Filesystems = [.. whole.Inspection.Filesystems.Where(f => IsOwn(f.Device))] },
            Findings = [.. whole.Findings.Where(f => IsOwn(f.Device))],
        };
    }

    /// <inheritdoc/>
    public override string ToString() => damage is null ? kind.Name : $"{kind.Name}: {damage}";
}
