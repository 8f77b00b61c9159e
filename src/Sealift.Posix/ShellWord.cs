namespace Sealift.Posix;

/// <summary>
/// Words for a shell that nobody here runs: sshd gives the one text that it gets to the shell of whoever logs in. Here, no shell ever
/// parses a name (<see cref="ChildCommand"/>).
/// </summary>
public static class ShellWord
{
    /// <summary>A word as a POSIX shell reads it: in single quotes, within which nothing means anything but the quote that ends them.</summary>
    public static string Quoted(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        return $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    /// <summary>Several, with blanks between them.</summary>
    public static string Quoted(IEnumerable<string> words) => string.Join(' ', words.Select(Quoted));
}
