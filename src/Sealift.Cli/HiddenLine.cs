namespace Sealift.Cli;

/// <summary>A line that is typed on a terminal and not shown.</summary>
internal static class HiddenLine
{
    /// <summary>The longest line, in characters: what cryptsetup(8) takes from a terminal.</summary>
    public const int LimitCharacters = 512;

    /// <summary>Asks for a line.</summary>
    /// <param name="question">What is asked, on standard error.</param>
    /// <param name="typed">What was typed; what does not fit is not taken.</param>
    /// <returns>How many characters were typed.</returns>
    public static int Read(string question, Span<char> typed)
    {
        Console.Error.Write(question);
        var length = 0;
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace) length = Math.Max(0, length - 1);
            else if (key.KeyChar != 0 && length < typed.Length) typed[length++] = key.KeyChar;
        }

        Console.Error.WriteLine();
        return length;
    }
}
