namespace Sealift.Cli.Terminal;

/// <summary>What a person should know though it is no error: on standard error, where standard output is the answer.</summary>
internal static class NoteText
{
    /// <summary>Says it.</summary>
    public static void Write(string text, bool json)
    {
        if (json) JsonLine.Write(w =>
        {
            w.WriteString("event", "note");
            w.WriteString("text", text);
        });
        else Console.Error.WriteLine($"sealift: note: {ErrorReport.Printable(text)}");
    }
}
