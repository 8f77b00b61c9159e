namespace Sealift.Guests;

/// <summary>Where a run of the appliance works and how long it may take.</summary>
public sealed record GuestOptions
{
    /// <summary>An existing directory for the appliance's own overlays and scratch files; nothing is left in it.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>The file that receives everything the tools said. It is replaced where it exists.</summary>
    public required string LogPath { get; init; }

    /// <summary>How long the whole run may take. Without KVM a conversion of a full guest takes minutes.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long the tools may say nothing at all. A check of a large file system is silent while it works, so this is generous.</summary>
    public TimeSpan SilenceDeadline { get; init; } = TimeSpan.FromMinutes(10);
}
