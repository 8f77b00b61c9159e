using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>What became of one device.</summary>
/// <param name="Device">The device.</param>
/// <param name="Observations">What was seen.</param>
internal sealed record Examined(BlockDevice Device, IReadOnlyList<Observation> Observations)
{
    /// <summary>The value of <see cref="GuestFilesystem.CheckedVia"/> for what was checked on this host.</summary>
    public const string Direct = "direct";

    /// <summary>The same for what was checked in the appliance.</summary>
    public const string Appliance = "appliance";

    /// <summary>The checker with its version; empty where nothing checked it.</summary>
    public string CheckedBy { get; init; } = string.Empty;

    /// <summary><see cref="Direct"/>, <see cref="Appliance"/> or empty.</summary>
    public string Via { get; init; } = string.Empty;

    /// <summary>Why that way, or why not at all.</summary>
    public string Why { get; init; } = string.Empty;

    /// <summary>Why the appliance has to be started: for this device, or for what is inside of it. Null where it need not be.</summary>
    public string? NeedsAppliance { get; init; }

    /// <summary>Whether the device itself is still to be checked, there.</summary>
    public bool IsLeft { get; init; }
}
