using System.Globalization;
using Sealift.Cli.Terminal;
using Sealift.Providers;

namespace Sealift.Cli.Commands;

/// <summary>What a source is called on the command line.</summary>
internal static class SourceName
{
    /// <summary>The same with an absolute path: of an image or a package, or behind <c>qmp:</c> of a socket; a URI as it is.</summary>
    public static string Full(string source) => RunningSource.Is(source) ? RunningSource.Full(source) : Path.GetFullPath(source);

    /// <summary>An instant: <c>now</c>, or a date and time of this machine's zone where it names none.</summary>
    public static DateTimeOffset Instant(string option, string text)
    {
        if (text.Equals("now", StringComparison.OrdinalIgnoreCase)) return DateTimeOffset.UtcNow;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var at) ? at : throw CliErrors.BadValue(option, text, "'now', or a time such as 2026-11-28T22:00");
    }
}
