namespace Sealift.Posix;

/// <summary>
/// Cuts what a child writes into lines, in bounded memory: a line may be as long as a hostile guest makes it. As for
/// <see cref="TextReader.ReadLine"/>, a line ends with LF, CR or both.
/// </summary>
internal sealed class ChildLines(StreamReader reader, int limitCharacters)
{
    private readonly char[] buffer = new char[limitCharacters];
    private int start;
    private int end;
    private bool lineFeedBelongsToLast;

    /// <summary>Whether the last line was a piece of a longer one: its rest comes as the next.</summary>
    public bool WasCut { get; private set; }

    /// <summary>The next line without its end, or null at the end of the stream.</summary>
    public async ValueTask<string?> NextAsync(CancellationToken cancel)
    {
        var seen = start;
        while (true)
        {
            if (lineFeedBelongsToLast && end > start)
            {
                lineFeedBelongsToLast = false;
                if (buffer[start] == '\n') seen = ++start;
            }

            var found = buffer.AsSpan(seen, end - seen).IndexOfAny('\r', '\n');
            if (found >= 0)
            {
                lineFeedBelongsToLast = buffer[seen + found] == '\r';
                return Take(seen + found, seen + found + 1, cut: false);
            }

            if (end - start == buffer.Length) return Take(end, end, cut: true);
            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }

            seen = end;
            var n = await reader.ReadAsync(buffer.AsMemory(end), cancel);
            if (n == 0) return end > start ? Take(end, end, cut: false) : null;
            end += n;
        }
    }

    private string Take(int to, int next, bool cut)
    {
        var text = new string(buffer, start, to - start);
        start = next;
        WasCut = cut;
        return text;
    }
}
