using System.CommandLine;
using Sealift.Cli.Terminal;
using Sealift.Nbd;

namespace Sealift.Cli;

/// <summary><c>--io-timeout</c>: how long somebody else's NBD server may take before it is given up.</summary>
internal static class IoTimeout
{
    /// <summary>Of the commands that connect to NBD servers.</summary>
    public static readonly Option<string?> Option = new("--io-timeout")
    {
        Description = "How long an NBD server may take to connect, and to answer one request or flush, before it is given up; a time such as 500ms, 30s or 5m [default: 30s to connect, 60s for a request, 10m for a flush].",
        HelpName = "TIME",
    };

    /// <summary>The deadlines that a command line asks for.</summary>
    /// <exception cref="Posix.SealiftException">It is no time, or none at all (SL8004).</exception>
    public static NbdOptions ConnectionOf(ParseResult parsed)
    {
        if (parsed.GetValue(Option) is not { } text) return new NbdOptions();
        if (Quantities.ParseTime(text) is not { } time || time <= TimeSpan.Zero) throw CliErrors.BadValue("--io-timeout", text, "a time such as 500ms, 30s or 5m");
        return new NbdOptions { ConnectDeadline = time, ReplyDeadline = time, FlushDeadline = time };
    }
}
