using System.Globalization;
using System.Security.Cryptography;

namespace Sealift.Posix;

/// <summary>
/// What makes a child die with us: setpriv(1) asks the kernel to kill it when we die, and a shell then looks whether we are still its
/// parent, since we may have died before the kernel was asked. The shell executes the program in its own place: nothing is between us
/// and the child, and how it ended is what the kernel says.
/// </summary>
/// <remarks>
/// The only shell in Sealift: fixed text, and the program with its arguments as "$@", which no shell parses. It passes the environment
/// on, except for variables whose names no shell knows (with a dot in them, say).
/// </remarks>
internal sealed class ChildGuard
{
    /// <summary>Where a guard finds the lifeline.</summary>
    public const int LifelineDescriptor = 9;

    private const string StillOurs = "[ \"$PPID\" = \"$1\" ] || exit 125; shift; ";

    private const string Alone = StillOurs + "exec \"$@\"";

    // What the program starts dies with it neither for the kernel nor for us, so somebody in its group waits for our death and kills all
    // of it: the lifeline ends then. It is nobody's child that the program knows of, and holds none of its descriptors.
    private const string WithOthers = StillOurs +
        "(trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM; (read -r end; kill -KILL 0) <&9 >/dev/null 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- &); exec 9<&-; exec \"$@\"";

    private readonly string name = "start-" + RandomNumberGenerator.GetHexString(16, lowercase: true);

    private ChildGuard(IReadOnlyList<string> arguments, bool startsOthers) =>
        Arguments = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", startsOthers ? WithOthers : Alone, name, Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. arguments];

    /// <summary>All arguments, the first of which is setpriv's name.</summary>
    public IReadOnlyList<string> Arguments { get; }

    public static ChildGuard Of(ChildCommand command, string program) => new([program, .. command.Arguments], command.StartsOthers);

    /// <summary>Why the program was not executed, where that is how it ended; null where the program itself ended so.</summary>
    /// <param name="end">How it ended.</param>
    /// <param name="lastWords">Its standard error. A shell starts its errors with its name, which nobody can guess.</param>
    public string? NotExecuted(ChildEnd end, string lastWords)
    {
        if (end.BySignal || end.Number is not (126 or 127)) return null; // sh(1), "Exit status": cannot be executed, not found
        var line = lastWords.Split('\n').FirstOrDefault(l => l.StartsWith(name + ": ", StringComparison.Ordinal));
        return line?[(name.Length + 2)..];
    }
}
