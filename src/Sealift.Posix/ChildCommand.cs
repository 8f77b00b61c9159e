namespace Sealift.Posix;

/// <summary>
/// A program to run: no shell parses it, and of ours it inherits the environment and nothing else. It has a session of its own, every
/// signal at its default, and no descriptors but its three streams and its secrets.
/// </summary>
/// <param name="Program">A name searched in PATH, or a path.</param>
/// <param name="Arguments">The arguments, each passed as it is. Never a secret, which is for <see cref="Secrets"/>: every user of the host can read them.</param>
public sealed record ChildCommand(string Program, params IReadOnlyList<string> Arguments)
{
    /// <summary>
    /// Whether it starts processes of its own that would outlive it, as libguestfs's tools do. Then a guard leads its process group
    /// and kills all of it when this process dies; otherwise only the child itself is sure to die with us.
    /// </summary>
    public bool StartsOthers { get; init; }

    /// <summary>How long it may run in all before it is killed.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long it may stay silent (no line on either stream) before it is killed; null for no such limit.</summary>
    public TimeSpan? SilenceDeadline { get; init; }

    /// <summary>Exit codes that are answers rather than failures. Anything else is a <see cref="ChildException"/>.</summary>
    public IReadOnlyCollection<int> AcceptedExitCodes { get; init; } = [0];

    /// <summary>Variables set on top of the inherited environment; a null value removes one. Never a secret. The locale (LC_ALL) is always C.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>The directory that it starts in; null for the present one.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>What it reads from descriptors of its own and nobody else can see. They stay the caller's to dispose.</summary>
    public IReadOnlyList<ChildSecret> Secrets { get; init; } = [];

    /// <summary>What <see cref="ChildProcess.RunAsync"/> gives it to read from standard input; empty means end of file at once.</summary>
    public string StandardInput { get; init; } = string.Empty;

    /// <summary>The most characters of standard output that are kept; more is an error, never a silent cut.</summary>
    public int OutputLimitCharacters { get; init; } = 16 << 20;

    /// <summary>Called for every line of standard error as it arrives, on another thread. What it throws kills the child and is thrown to its owner.</summary>
    public Action<string>? OnErrorLine { get; init; }

    /// <summary>Called by <see cref="ChildProcess.RunAsync"/> for every line of standard output as it arrives, on another thread. What it throws kills the child and is thrown to the caller.</summary>
    public Action<string>? OnOutputLine { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Arguments.Count == 0 ? Program : $"{Program} {string.Join(' ', Arguments)}";
}

/// <summary>What a child left behind when it ended with an accepted exit code.</summary>
/// <param name="ExitCode">One of <see cref="ChildCommand.AcceptedExitCodes"/>.</param>
/// <param name="Output">All of its standard output. It is read as UTF-8: U+FFFD stands for each byte that is none.</param>
/// <param name="ErrorTail">The last 64 Ki characters of its standard error.</param>
/// <param name="Elapsed">How long it ran.</param>
public sealed record ChildResult(int ExitCode, string Output, string ErrorTail, TimeSpan Elapsed);

/// <summary>A child could not be started, ended badly, was killed, or took too long. Its last words are in the message.</summary>
public sealed class ChildException : SealiftException
{
    internal ChildException(string code, ChildCommand command, string said, string nextStep, string lastWords, Exception? inner = null)
        : base(code, "run", command.ToString(), lastWords.Length == 0 ? said : $"{said}; its last words: {LastLines(lastWords)}", nextStep, inner)
    {
        Program = command.Program;
        LastWords = lastWords;
    }

    /// <summary>The program that was run.</summary>
    public string Program { get; }

    /// <summary>The end of its standard error.</summary>
    public string LastWords { get; }

    /// <summary>How it ended; null where it was never started, or was not waited for.</summary>
    public ChildEnd? End { get; init; }

    private static string LastLines(string text)
    {
        var trimmed = text.TrimEnd();
        return trimmed.Length <= 2000 ? trimmed : "…" + trimmed[^2000..];
    }
}
