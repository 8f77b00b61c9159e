using Sealift.Cli;

namespace Sealift.Server.Accounts;

/// <summary>A password that is typed on the terminal, twice, or is the first line of standard input. It is never an argument, which everybody on the host can read.</summary>
internal static class NewPassword
{
    private const int LongestLine = 4096;

    /// <summary>Reads it.</summary>
    /// <param name="user">Whose it shall be.</param>
    /// <exception cref="Posix.SealiftException">SL9011: there is none, or two that differ.</exception>
    public static string Read(string user)
    {
        if (Console.IsInputRedirected)
        {
            var line = new char[LongestLine];
            var length = 0;
            for (int next; length < line.Length && (next = Console.In.Read()) is not -1 and not '\n';) line[length++] = (char)next;
            return length == 0 ? throw ServerErrors.BadPassword(user, "standard input has no line, or an empty one") : new string(line, 0, length).TrimEnd('\r');
        }

        var first = Typed($"New password of {ServeReport.Printable(user)}: ");
        return Typed("Again: ") == first ? first : throw ServerErrors.BadPassword(user, "the two that were typed differ");
    }

    private static string Typed(string question)
    {
        var typed = new char[HiddenLine.LimitCharacters];
        var length = HiddenLine.Read(question, typed);
        return new string(typed, 0, length);
    }
}
