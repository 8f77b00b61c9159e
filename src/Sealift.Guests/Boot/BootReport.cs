namespace Sealift.Guests.Boot;

/// <summary>What came of trying a machine.</summary>
public enum BootOutcome
{
    /// <summary>It showed a login prompt, or its guest agent answered.</summary>
    Booted,

    /// <summary>It showed that it does not boot: a panic, an emergency shell, a boot loader that finds nothing.</summary>
    Failed,

    /// <summary>Neither was seen.</summary>
    Unclear,

    /// <summary>It was not tried.</summary>
    Untried,
}

/// <summary>What a boot proof saw.</summary>
/// <param name="Outcome">What came of it.</param>
/// <param name="Class">The stable name of what was seen: <c>boot.login-prompt</c>, <c>boot.panic</c> …; docs/boot-proof.md lists them.</param>
/// <param name="Said">The same in words, with the line of the console that showed it.</param>
/// <param name="Accelerator"><c>kvm</c>, <c>tcg</c>, or empty where it was not tried.</param>
/// <param name="Hypervisor">Name and version of what ran it; empty where it was not tried.</param>
/// <param name="Seconds">How long it ran.</param>
/// <param name="Notes">What it had otherwise than where it goes, one sentence each.</param>
/// <param name="ConsoleTail">The last lines of its serial console, fit to be shown; at most 8 Ki characters.</param>
/// <param name="Screen">Its last screen; null where there was none.</param>
public sealed record BootReport(
    BootOutcome Outcome, string Class, string Said, string Accelerator, string Hypervisor, double Seconds, IReadOnlyList<string> Notes, string ConsoleTail, BootScreen? Screen)
{
    /// <summary>A report about a machine that was not tried.</summary>
    /// <param name="why">A clause that says why.</param>
    public static BootReport Untried(string why) => new(BootOutcome.Untried, "boot.untried", why, string.Empty, string.Empty, 0, [], string.Empty, null);
}

/// <summary>A picture of a screen.</summary>
/// <param name="Width">Its width in pixels.</param>
/// <param name="Height">Its height in pixels.</param>
/// <param name="Png">The picture, as <see cref="Guests.Boot.Png.Encode"/> makes it.</param>
public sealed record BootScreen(int Width, int Height, byte[] Png);
