namespace Sealift.Migrations;

/// <summary>Everything that the gate weighs. What is null was never established, which is a failure and never a pass.</summary>
/// <param name="DiskKeys">The keys of all disks of the machine, from its description.</param>
/// <param name="CheckRequired">Whether the plan asks for file system checks.</param>
/// <param name="ConversionRequired">Whether the plan asks for conversion.</param>
/// <param name="Waivers">What the plan waives.</param>
/// <param name="AcceptDegraded">Whether the plan hands over less than full proof.</param>
/// <param name="Disks">The chain of custody of each disk.</param>
/// <param name="SourceUnchanged">Whether every source file was the same before, during, after the copy, and still is.</param>
/// <param name="Before">The check of the source.</param>
/// <param name="After">The check of the target.</param>
/// <param name="Converted">Whether the conversion reported success for all disks.</param>
public sealed record GateEvidence(
    IReadOnlyList<string> DiskKeys,
    bool CheckRequired,
    bool ConversionRequired,
    IReadOnlyList<Waiver> Waivers,
    bool AcceptDegraded,
    IReadOnlyList<DiskEvidence> Disks,
    bool? SourceUnchanged,
    CheckEvidence? Before,
    CheckEvidence? After,
    bool? Converted)
{
    /// <summary>The check of the committed disks; needed where the plan checks and converts.</summary>
    public CheckEvidence? Committed { get; init; }

    /// <summary>Whether the plan has the boot proof among its steps.</summary>
    public bool BootPlanned { get; init; }

    /// <summary>Whether the plan hands over only what was seen to boot.</summary>
    public bool BootRequired { get; init; }

    /// <summary>What came of the boot proof.</summary>
    public BootEvidence? Boot { get; init; }
}

/// <summary>What a boot proof saw.</summary>
/// <param name="Outcome">What came of it.</param>
/// <param name="Said">The same in words.</param>
public sealed record BootEvidence(Guests.Boot.BootOutcome Outcome, string Said);

/// <summary>What was established about one disk. Roots are lower-case hex.</summary>
/// <param name="Key">Its key.</param>
/// <param name="SourceRoot">S: of the bytes as they were read.</param>
/// <param name="TargetRoot">T: of the target as read back after the copy.</param>
/// <param name="ExpectedRoot">F: what it must be after the commit. Needed where the plan converts.</param>
/// <param name="CommittedRoot">What the commit says it wrote. Needed where the plan converts.</param>
/// <param name="FinalRoot">What the finished disk read back as. Needed where the plan converts.</param>
public sealed record DiskEvidence(string Key, string? SourceRoot, string? TargetRoot, string? ExpectedRoot, string? CommittedRoot, string? FinalRoot);

/// <summary>What a check of file systems saw.</summary>
/// <param name="Findings">What it reported.</param>
/// <param name="CheckedFilesystems">Identities of the file systems that a checker looked at.</param>
public sealed record CheckEvidence(IReadOnlyList<Guests.Finding> Findings, IReadOnlyList<string> CheckedFilesystems);

/// <summary>What the gate decides.</summary>
/// <param name="Verdict"><see cref="Verdict.Sealed"/>, <see cref="Verdict.Degraded"/> or <see cref="Verdict.Failed"/>.</param>
/// <param name="Reasons">Why it is not sealed; empty where it is.</param>
public sealed record GateDecision(Verdict Verdict, IReadOnlyList<string> Reasons);
