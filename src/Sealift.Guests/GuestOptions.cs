using Sealift.Guests.Luks;

namespace Sealift.Guests;

/// <summary>How file systems are checked.</summary>
public enum CheckWay
{
    /// <summary>On this host, by checkers without privileges that are shown one partition; in the appliance only where that cannot answer fully.</summary>
    Direct,

    /// <summary>On this host and nowhere else: what only the appliance could check is reported as not checked, and no operating system is looked for.</summary>
    Host,

    /// <summary>Everything in the appliance, by other programs where there are two: a second opinion.</summary>
    Appliance,
}

/// <summary>What a machine is looked over for before it is migrated: docs/preflight.md.</summary>
public enum LintScope
{
    /// <summary>Nothing: its file systems are checked, and that is all.</summary>
    None,

    /// <summary>What keeps it from starting on KVM where its guest is left as it is.</summary>
    AsItIs,

    /// <summary>The same where its guest is converted, and what its conversion would fail over.</summary>
    Conversion,
}

/// <summary>How an examination or a conversion is made, where it works and how long it may take.</summary>
public sealed record GuestOptions
{
    /// <summary>An existing directory for the appliance's own overlays and scratch files; nothing is left in it.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>The file that receives everything the tools said. It is replaced where it exists.</summary>
    public required string LogPath { get; init; }

    /// <summary>How file systems are checked.</summary>
    public CheckWay Way { get; init; } = CheckWay.Direct;

    /// <summary>Whether the operating system is looked for as well, for which the appliance is always started.</summary>
    public bool Inspect { get; init; } = true;

    /// <summary>Keys of encrypted volumes: what they open is looked at in the appliance. At most six.</summary>
    public IReadOnlyList<VolumeKey> Keys { get; init; } = [];

    /// <summary>
    /// An existing directory that receives a list of the files of each file system that the operating system mounts
    /// (<see cref="GuestReport.FileLists"/>); null for none. Only where the operating system is looked for.
    /// </summary>
    public string? FileListDirectory { get; init; }

    /// <summary>What the machine is looked over for, as far as that can be seen: most of it only with <see cref="Inspect"/>.</summary>
    public LintScope LintScope { get; init; } = LintScope.None;

    /// <summary>How long the whole run may take. Without KVM a conversion of a full guest takes minutes.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long the tools may say nothing at all. A check of a large file system is silent while it works, so this is generous.</summary>
    public TimeSpan SilenceDeadline { get; init; } = TimeSpan.FromMinutes(10);
}
