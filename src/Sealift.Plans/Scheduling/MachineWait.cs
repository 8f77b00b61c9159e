using System.Globalization;

namespace Sealift.Plans.Scheduling;

/// <summary>What a machine waits for, as <see cref="Schedule"/> decides: never kept, but found out when somebody looks.</summary>
/// <param name="For">What.</param>
public sealed record MachineWait(WaitKind For)
{
    /// <summary>When it is over, or for <see cref="WaitKind.NoWindow"/> when the last window closed; null where nobody knows.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>The host that is full; null for other waits. Empty where hosts are not told apart.</summary>
    public string? Host { get; init; }

    /// <summary>How many machines may be at work at once, of the plan or of the host; null for other waits.</summary>
    public int? Places { get; init; }

    /// <summary>The wave that is at work; null for other waits.</summary>
    public int? Wave { get; init; }

    /// <summary>The same for people, with times in UTC.</summary>
    public string Said => InWords(at => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));

    /// <summary>The same for people.</summary>
    /// <param name="instant">How an instant is written.</param>
    public string InWords(Func<DateTimeOffset, string> instant)
    {
        ArgumentNullException.ThrowIfNull(instant);
        var at = At is { } known ? instant(known) : "some time";
        return For switch
        {
            WaitKind.Turn => "waits for whoever carries the run out",
            WaitKind.Wave => string.Create(CultureInfo.InvariantCulture, $"waits for its wave; wave {Wave} is at work"),
            WaitKind.Continue => string.Create(CultureInfo.InvariantCulture, $"waits for an order to continue, because machines of wave {Wave} failed"),
            WaitKind.Window => $"waits for its window, which opens {at}",
            WaitKind.NoWindow => $"waits for a window; the last one closed {at}: give the plan another one, and order the cutover again",
            WaitKind.Host => string.Create(CultureInfo.InvariantCulture, $"waits for room on {(string.IsNullOrEmpty(Host) ? "its host" : $"host {Host}")}, which takes {Places} at once"),
            WaitKind.Place => Places == 1 ? "waits for the one place of the plan" : string.Create(CultureInfo.InvariantCulture, $"waits for one of {Places} places"),
            WaitKind.Stuck => "waits until fewer machines are stuck",
            WaitKind.CutoverOrder => "waits for an order to cut over",
            WaitKind.CutoverTime => $"waits for its cutover at {at}",
            _ => "waits until its last difference takes no longer than the plan allows",
        };
    }
}

/// <summary>The kinds of waits.</summary>
public enum WaitKind
{
    /// <summary>Nothing stands in its way: it begins, or is cut over, with the next decision.</summary>
    Turn,

    /// <summary>Machines of a wave before its own are not over.</summary>
    Wave,

    /// <summary>The run is halted, and its wave is a later one.</summary>
    Continue,

    /// <summary>No window is open, and one is to come.</summary>
    Window,

    /// <summary>The last window has closed.</summary>
    NoWindow,

    /// <summary>Its host has as many machines at work as the plan allows.</summary>
    Host,

    /// <summary>As many machines are at work as the plan allows.</summary>
    Place,

    /// <summary>So many machines are stuck that nothing more begins.</summary>
    Stuck,

    /// <summary>It is followed, and nobody said when it is cut over.</summary>
    CutoverOrder,

    /// <summary>It is followed, and its cutover has a time.</summary>
    CutoverTime,

    /// <summary>It is followed, and would be off for longer than the plan allows.</summary>
    Downtime,
}
