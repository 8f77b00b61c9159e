using System.Diagnostics;
using System.Text;

namespace Sealift.Guests.Boot;

/// <summary>
/// Listens to a serial console: cuts what comes into lines fit to be shown, keeps the first and the last of them, and looks each over
/// for a sign. All of it in bounded memory, whatever the guest sends.
/// </summary>
internal sealed class SerialWatch
{
    /// <summary>The longest line that is kept whole; what is longer becomes several.</summary>
    public const int LineLimitCharacters = 1024;

    /// <summary>How much of the beginning is kept, and of the end.</summary>
    public const int PartLimitCharacters = 256 << 10;

    private const int TailLines = 40, TailCharacters = 8 << 10;

    // Longer than any title or palette that a terminal is sent.
    private const int ControlStringLimitCharacters = 4096;

    private readonly Lock mutex = new();
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder line = new();
    private readonly StringBuilder head = new();
    private readonly Queue<string> tail = new();
    private readonly char[] decoded = new char[4096 + 4];
    private int tailCharacters;
    private long leftOutCharacters;
    private State state;
    private int stringLength;
    private bool returned;
    private bool headIsFull;
    private long heardAt = Stopwatch.GetTimestamp();
    private BootSign? sign;
    private string lastLine = string.Empty;

    private enum State
    {
        Text,
        Escape,
        OneMore,
        Sequence,
        ControlString,
    }

    /// <summary>How long it has been silent.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref heardAt));

    /// <summary>The last line that says something.</summary>
    public string LastLine
    {
        get
        {
            lock (mutex) return lastLine;
        }
    }

    /// <summary>Takes what came, of any length.</summary>
    public void Hear(ReadOnlySpan<byte> bytes)
    {
        Interlocked.Exchange(ref heardAt, Stopwatch.GetTimestamp());
        lock (mutex)
        {
            while (bytes.Length > 0)
            {
                var part = bytes[..Math.Min(bytes.Length, 4096)];
                bytes = bytes[part.Length..];
                var count = decoder.GetChars(part, decoded, flush: false);
                foreach (var c in decoded.AsSpan(0, count)) Take(c);
            }
        }
    }

    /// <summary>The first sign that was seen; null while there is none.</summary>
    /// <param name="settle">A line that was not ended is looked over once it has been silent for so long: more of it may be on its way before.</param>
    public BootSign? Look(TimeSpan settle)
    {
        lock (mutex)
        {
            if (sign is null && line.Length > 0 && Silence >= settle) sign = BootSigns.OfPrompt(Shown());
            return sign;
        }
    }

    /// <summary>What was kept of it, line by line.</summary>
    public string Text()
    {
        lock (mutex)
        {
            var text = new StringBuilder().Append(head);
            if (leftOutCharacters > 0) text.Append("… ").Append(leftOutCharacters).Append(" characters are left out here …\n");
            foreach (var one in tail) text.Append(one).Append('\n');
            if (line.Length > 0) text.Append(Shown()).Append('\n');
            return text.ToString();
        }
    }

    /// <summary>Its last lines.</summary>
    public string Tail()
    {
        var lines = Text().TrimEnd('\n').Split('\n');
        var text = string.Join('\n', lines[Math.Max(0, lines.Length - TailLines)..]);
        if (text.Length <= TailCharacters) return text;
        var start = text.Length - TailCharacters;
        return "…" + text[(char.IsLowSurrogate(text[start]) ? start + 1 : start)..];
    }

    private void Take(char c)
    {
        switch (state)
        {
            case State.Escape:
                // ECMA-48: what follows an escape.
                (state, stringLength) = c switch
                {
                    '[' => (State.Sequence, 0),
                    ']' or 'P' or 'X' or '^' or '_' => (State.ControlString, 0),
                    >= ' ' and <= '/' => (State.OneMore, 0),
                    _ => (State.Text, 0),
                };
                return;
            case State.OneMore:
                state = State.Text;
                return;
            case State.Sequence:
                if (c is < '@' or > '~') return;
                state = State.Text;
                // The cursor goes elsewhere: what comes next does not belong to this line.
                if (c is 'H' or 'f' or 'A' or 'B' or 'E' or 'F' or 'd' or 'J' && line.Length > 0) EndLine();
                return;
            case State.ControlString:
                if (c is '\a' || ++stringLength > ControlStringLimitCharacters) state = State.Text;
                else if (c == '\u001B') state = State.Escape;
                return;
            default:
                TakeText(c);
                return;
        }
    }

    private void TakeText(char c)
    {
        if (c == '\n')
        {
            EndLine();
            return;
        }

        if (c == '\r')
        {
            returned = true;
            return;
        }

        if (c == '\u001B')
        {
            state = State.Escape;
            return;
        }

        // Written over from its beginning: another line, for whoever reads it later.
        if (returned && line.Length > 0) EndLine();
        returned = false;
        if (c == '\b')
        {
            if (line.Length > 0) line.Length--;
            return;
        }

        if (char.IsControl(c) && c != '\t') return;
        if (line.Length >= LineLimitCharacters) EndLine();
        line.Append(c);
    }

    private void EndLine()
    {
        returned = false;
        var text = Shown();
        line.Clear();
        Keep(text);
        if (!string.IsNullOrWhiteSpace(text)) lastLine = text;
        sign ??= BootSigns.OfLine(text);
    }

    private string Shown() => GuestText.Console(line.ToString(), LineLimitCharacters);

    private void Keep(string text)
    {
        headIsFull |= head.Length + text.Length + 1 > PartLimitCharacters;
        if (!headIsFull)
        {
            head.Append(text).Append('\n');
            return;
        }

        tail.Enqueue(text);
        tailCharacters += text.Length + 1;
        while (tailCharacters > PartLimitCharacters)
        {
            var gone = tail.Dequeue().Length + 1;
            tailCharacters -= gone;
            leftOutCharacters += gone;
        }
    }
}
