using System.Text.Json.Serialization;

namespace Sealift.Migrations.Seals;

/// <summary>
/// What a seal says about one migration: the predicate of the signed statement. Field by field in docs/formats/seal.md.
/// Sizes, offsets and lengths are bytes; times are UTC; digests are lower-case hex.
/// </summary>
public sealed record SealPredicate
{
    /// <summary>The predicate type of this version. A reader refuses any other.</summary>
    public const string Type = "https://sealift.io/seal/v1";

    /// <summary>The identity of the migration.</summary>
    public required string MigrationId { get; init; }

    /// <summary>How it ended.</summary>
    [JsonConverter(typeof(LowerCaseName<Verdict>))]
    public required Verdict Verdict { get; init; }

    /// <summary>Why it ended so: one sentence each, never empty.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>What the reader should do next, one sentence each; empty where nothing is to be done.</summary>
    [JsonRequired]
    public IReadOnlyList<string> NextSteps { get; init; } = [];

    /// <summary>When the first step started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the last step before the seal ended.</summary>
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>The machine.</summary>
    public required SealedMachine Machine { get; init; }

    /// <summary>Where it came from.</summary>
    public required SealedSource Source { get; init; }

    /// <summary>Its disks in the order in which the firmware and the guest see them.</summary>
    public required IReadOnlyList<SealedDisk> Disks { get; init; }

    /// <summary>The file systems as the source had them; empty where they were not looked at.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedFilesystem> FilesystemsBefore { get; init; } = [];

    /// <summary>The file systems as the new machine will see them; empty where they were not looked at.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedFilesystem> FilesystemsAfter { get; init; } = [];

    /// <summary>Where on their way the file systems were checked, or are proven to be what was checked: the four points in order. Null where nothing was read, and in seals of earlier versions.</summary>
    public IReadOnlyList<SealedPoint>? Points { get; init; }

    /// <summary>What the checkers reported about the source.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedFinding> FindingsBefore { get; init; } = [];

    /// <summary>What the checkers and the conversion reported about the target.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedFinding> FindingsAfter { get; init; } = [];

    /// <summary>What the conversion did to the guest's files; null where nobody compared them, and in seals of earlier versions.</summary>
    public SealedFileChanges? FileChanges { get; init; }

    /// <summary>The passes over the disks of a machine that ran; empty where it did not, and in seals of earlier versions.</summary>
    public IReadOnlyList<SealedPass> Passes { get; init; } = [];

    /// <summary>What came of booting the new machine; null where the plan left that out, and in seals of earlier versions.</summary>
    public SealedBoot? Boot { get; init; }

    /// <summary>What no checker covered, one sentence each: a swap area, an encrypted volume, an unknown content.</summary>
    [JsonRequired]
    public IReadOnlyList<string> NotChecked { get; init; } = [];

    /// <summary>The steps in the order in which they started, by the names that progress and journal use.</summary>
    public required IReadOnlyList<SealedStep> Steps { get; init; }

    /// <summary>The programs that took part, Sealift first.</summary>
    public required IReadOnlyList<SealedTool> Tools { get; init; }

    /// <summary>Release of the kernel that it ran on, as <c>uname -sr</c> prints it.</summary>
    public required string HostKernel { get; init; }

    /// <summary>Options of the plan that lower what is proven; empty where none was used.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedOption> ReducedProof { get; init; } = [];

    /// <summary>What no seal proves, in plain words.</summary>
    [JsonRequired]
    public IReadOnlyList<string> NotProven { get; init; } = StandardNotProven;

    /// <summary>The files handed over besides the disks: domain XML, start script, list of changed files. Empty where nothing was handed over.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedFile> HandedOver { get; init; } = [];

    /// <summary>The libvirt that it was handed over to; null where a directory received it, where nothing was handed over, and in seals of earlier versions.</summary>
    public SealedTarget? Target { get; init; }

    /// <summary>What is never proven; the last section of the integrity contract.</summary>
    public static IReadOnlyList<string> StandardNotProven { get; } =
    [
        "That the application inside the machine was consistent at the point in time that was copied.",
        "That the source was healthy before that point in time, beyond what the checks listed here looked at.",
        "That the firmware of a disk told the truth when it said that data had reached stable storage.",
    ];
}

/// <summary>A step of the migration.</summary>
public sealed record SealedStep
{
    /// <summary>The name that progress and journal use.</summary>
    public required string Name { get; init; }

    /// <summary>The disk that it was about (<c>disk1</c>); empty where it was about the whole machine.</summary>
    [JsonRequired]
    public string Disk { get; init; } = string.Empty;

    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When it ended; null where it never did.</summary>
    [JsonRequired]
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Seconds that it took by a clock that nobody sets, over all attempts.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>How it ended.</summary>
    public required StepOutcome Outcome { get; init; }

    /// <summary>What it has to say, such as the error that ended it; empty where nothing.</summary>
    [JsonRequired]
    public string Detail { get; init; } = string.Empty;
}

/// <summary>How a step ended.</summary>
[JsonConverter(typeof(LowerCaseName<StepOutcome>))]
public enum StepOutcome
{
    /// <summary>It did what it is there for.</summary>
    Passed,

    /// <summary>The plan says to leave it out.</summary>
    Skipped,

    /// <summary>It ended with an error.</summary>
    Failed,

    /// <summary>It was stopped before its end.</summary>
    Cancelled,
}

/// <summary>A program that took part.</summary>
/// <param name="Name">Its name: <c>sealift</c>, <c>qemu-nbd</c>, <c>virt-v2v-in-place</c>, <c>e2fsck</c>.</param>
/// <param name="Version">What it says of its own version.</param>
public sealed record SealedTool(string Name, string Version);

/// <summary>An option that lowers what is proven.</summary>
/// <param name="Option">As it was given: <c>--no-convert</c>.</param>
/// <param name="Meaning">What is therefore not proven, one sentence.</param>
public sealed record SealedOption(string Option, string Meaning);

/// <summary>A file that can be checked by its SHA-256.</summary>
/// <param name="Role">What it is for: <c>domain XML</c>, <c>start script</c>.</param>
/// <param name="Name">Its name beside the seal, without a directory.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Sha256">SHA-256 of its content.</param>
public sealed record SealedFile(string Role, string Name, long LengthBytes, string Sha256);
