using System.Runtime.InteropServices;

namespace Sealift.Scsi;

/// <summary>
/// Tells what of a buffer was written. libiscsi puts what a target sends to where the target says that it belongs, and counts nothing: so
/// the buffer is filled with a number that nobody knows beforehand, and where that still stands afterwards nothing came.
/// </summary>
internal readonly struct ArrivalMark
{
    private readonly ulong mark;

    private ArrivalMark(ulong mark) => this.mark = mark;

    /// <summary>Fills a buffer.</summary>
    public static ArrivalMark Fill(Span<byte> buffer)
    {
        var mark = (ulong)Random.Shared.NextInt64(1, long.MaxValue);
        var words = Words(buffer);
        words.Fill(mark);
        buffer[(words.Length * sizeof(ulong))..].Clear();
        return new ArrivalMark(mark);
    }

    /// <summary>How many bytes came, from the start of the buffer on. What is behind them is cleared.</summary>
    /// <param name="buffer">The buffer that was filled.</param>
    /// <param name="saidBytes">How many the target says it sent.</param>
    /// <param name="missing">Where, below that, something did not come; −1 where all did.</param>
    public int Count(Span<byte> buffer, int saidBytes, out int missing)
    {
        var words = Words(buffer);
        var last = words.LastIndexOfAnyExcept(mark) + 1;
        // A target that forgets to say how much it did not send is found out by what is left of the mark. Not within a word: a few bytes at
        // its start may be those of the mark.
        var came = saidBytes - (last * sizeof(ulong)) < sizeof(ulong) ? saidBytes : last * sizeof(ulong);
        var hole = words[..(came / sizeof(ulong))].IndexOf(mark);
        missing = hole < 0 ? -1 : hole * sizeof(ulong);
        buffer[came..].Clear();
        return came;
    }

    private static Span<ulong> Words(Span<byte> buffer) => MemoryMarshal.Cast<byte, ulong>(buffer[..(buffer.Length / sizeof(ulong) * sizeof(ulong))]);
}
