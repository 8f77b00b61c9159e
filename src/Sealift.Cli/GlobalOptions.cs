using System.CommandLine;

namespace Sealift.Cli;

/// <summary>Options that every command understands.</summary>
internal static class GlobalOptions
{
    /// <summary>One JSON object a line instead of text for people.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object a line instead of text for people.", Recursive = true };

    /// <summary>Where the journal, the signing key and the logs are.</summary>
    public static readonly Option<string> State = new("--state")
    {
        Description = "Directory of the journal, the signing key and the logs [default: $SEALIFT_STATE, else ~/.local/state/sealift].",
        HelpName = "DIR",
        Recursive = true,
    };

    /// <summary>The state directory of a command line, absolute.</summary>
    public static string StateDirectory(ParseResult parsed) => StateDirectory(parsed.GetValue(State));

    /// <summary>The state directory that is meant by what <see cref="State"/> was given, absolute.</summary>
    public static string StateDirectory(string? given)
    {
        if (given is { Length: > 0 }) return Path.GetFullPath(given);
        if (Environment.GetEnvironmentVariable("SEALIFT_STATE") is { Length: > 0 } fromEnvironment) return Path.GetFullPath(fromEnvironment);
        // The XDG base directory specification: an XDG_STATE_HOME that is not absolute is ignored.
        var stateHome = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { } xdg && Path.IsPathRooted(xdg)
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(stateHome, "sealift");
    }
}
