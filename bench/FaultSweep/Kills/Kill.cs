using System.Globalization;

namespace Sealift.Bench.Faults.Kills;

/// <summary>When in its last call a process dies.</summary>
public enum Moment
{
    /// <summary>The call does not happen.</summary>
    Before,

    /// <summary>A write brings half of its bytes; any other call happens.</summary>
    Half,

    /// <summary>It happens, and the process never hears of it.</summary>
    After,
}

/// <summary>
/// <c>kill -9</c> by count: the N-th call of a process that changes what is stored, over all its threads, is its last one;
/// tests/rigs/kill-at.c. By count and not by time, so that a point that once did harm is found again.
/// </summary>
/// <param name="Call">Which call, from 1.</param>
/// <param name="Moment">Before, in the middle of, or after it.</param>
/// <param name="Power">Whether the machine loses power too: what was not synced by then is taken back, by a chance that the number decides.</param>
public sealed record Kill(int Call, Moment Moment, bool Power = false)
{
    /// <summary>What brings it about.</summary>
    /// <param name="library">Path of the compiled library.</param>
    /// <param name="log">A file that gets a line for each call.</param>
    /// <param name="stash">A directory that does not exist, on the file system of the trial.</param>
    public IReadOnlyDictionary<string, string?> Environment(string library, string log, string stash)
    {
        var variables = new Dictionary<string, string?>
        {
            ["LD_PRELOAD"] = library,
            ["KILL_PROGRAM"] = "sealift",
            ["KILL_AT"] = Call.ToString(CultureInfo.InvariantCulture),
            ["KILL_MOMENT"] = Moment.ToString().ToLowerInvariant(),
            ["KILL_LOG"] = log,
        };
        if (Power) (variables["KILL_FORGET"], variables["KILL_STASH"]) = (Call.ToString(CultureInfo.InvariantCulture), stash);
        return variables;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Power ? "power cut" : "kill -9")} {Moment.ToString().ToLowerInvariant()} call {Call}");
}
