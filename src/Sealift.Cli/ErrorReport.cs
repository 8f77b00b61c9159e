using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>Turns whatever ended a command into lines that a person can act on, and an exit code.</summary>
internal static class ErrorReport
{
    /// <summary>Runs a command that only reads: interrupted, it has changed nothing.</summary>
    /// <param name="json">Whether JSON lines were asked for.</param>
    /// <param name="command">The command; given whether JSON lines were asked for, returns its exit code.</param>
    public static async Task<int> OfReadingAsync(bool json, Func<bool, Task<int>> command)
    {
        try
        {
            return await command(json);
        }
        catch (OperationCanceledException e)
        {
            return Write(e, json, "Nothing was changed: the same command begins anew");
        }
    }

    /// <summary>Reports an error on standard error (and as a JSON line where those were asked for) and says which exit code it is.</summary>
    /// <param name="error">What ended it.</param>
    /// <param name="json">Whether JSON lines were asked for.</param>
    /// <param name="afterInterruption">What to do where the user interrupted it.</param>
    public static int Write(Exception error, bool json, string afterInterruption = "What was begun is journaled: 'sealift list' shows it, 'sealift resume' continues it")
    {
        var (code, text, next) = error switch
        {
            SealiftException e => (e.Code, $"cannot {e.Attempt}: {e.Subject}: {e.Said}", e.NextStep),
            OperationCanceledException => ("SL8002", "interrupted", afterInterruption),
            _ => ("SL8001", $"unexpected {error.GetType().Name}: {error.Message}", "This is a fault in sealift: please report it with the text below"),
        };
        if (json)
        {
            JsonLine.Write(writer =>
            {
                writer.WriteString("event", "error");
                writer.WriteString("code", code);
                writer.WriteString("message", text);
                writer.WriteString("nextStep", next);
            });
        }

        Console.Error.WriteLine($"sealift: {code}: {Printable(text)}");
        Console.Error.WriteLine($"  what to do: {Printable(next)}");
        if (error is SealiftException or OperationCanceledException)
            return error is OperationCanceledException ? ExitCode.Cancelled : code == "SL1101" ? ExitCode.MissingTool : ExitCode.Refused;
        Console.Error.WriteLine(error);
        return ExitCode.Bug;
    }

    /// <summary>Text that came from outside, on one line, without characters that would steer the terminal.</summary>
    /// <param name="text">The text.</param>
    public static string PrintableLine(string text) => Printable(text).Replace('\n', '?');

    /// <summary>The same, of which the lines are meant.</summary>
    /// <param name="text">The text.</param>
    public static string Printable(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++) span[i] = (char.IsControl(source[i]) && source[i] is not ('\n' or '\t')) || char.GetUnicodeCategory(source[i]) == System.Globalization.UnicodeCategory.Format ? '?' : source[i];
    });
}
