using System.Text.Json.Serialization;
using Sealift.Guests.Boot;

namespace Sealift.Migrations.Seals;

/// <summary>What came of booting the new machine before it was handed over.</summary>
public sealed record SealedBoot
{
    /// <summary>The most characters of the console that a seal keeps.</summary>
    public const int ConsoleLimitCharacters = 16 << 10;

    /// <summary>What came of it.</summary>
    [JsonConverter(typeof(LowerCaseName<BootOutcome>))]
    public required BootOutcome Outcome { get; init; }

    /// <summary>The stable name of what was seen: <c>boot.login-prompt</c>, <c>boot.panic</c> …</summary>
    public required string Class { get; init; }

    /// <summary>The same in words, or the line of the console that showed it.</summary>
    public required string Said { get; init; }

    /// <summary><c>kvm</c> or <c>tcg</c>; empty where it was not tried.</summary>
    public required string Accelerator { get; init; }

    /// <summary>Name and version of what ran it; empty where it was not tried.</summary>
    public required string Hypervisor { get; init; }

    /// <summary>How long it ran, in seconds.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>What it had otherwise than the machine that is handed over, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The last lines of its serial console; empty where it said nothing.</summary>
    public required string ConsoleTail { get; init; }

    /// <summary>Its last screen; null where there is none.</summary>
    [JsonRequired]
    public SealedScreen? Screen { get; init; }

    /// <summary>What a seal says of a boot proof.</summary>
    public static SealedBoot Of(BootReport report) => new()
    {
        Outcome = report.Outcome,
        Class = report.Class,
        Said = report.Said,
        Accelerator = report.Accelerator,
        Hypervisor = report.Hypervisor,
        ElapsedSeconds = report.Seconds,
        Notes = report.Notes,
        ConsoleTail = report.ConsoleTail,
        Screen = report.Screen is { } screen ? new SealedScreen(screen.Width, screen.Height, screen.Png) : null,
    };
}

/// <summary>A picture of a screen.</summary>
/// <param name="Width">Its width in pixels.</param>
/// <param name="Height">Its height in pixels.</param>
/// <param name="Png">The picture, of the one kind that <see cref="Guests.Boot.Png"/> makes.</param>
public sealed record SealedScreen(int Width, int Height, byte[] Png);
