using System.Runtime.InteropServices;

namespace Sealift.Posix;

/// <summary>
/// How one system call is treated, decided once. Every error number is one of three things: it is repeated, it is an answer that
/// the caller has a defined use for, or it is thrown. There is no fourth: nothing is advisory.
/// </summary>
/// <param name="Name">As in section 2 of the manual, with the variant where it matters: <c>lseek(SEEK_DATA)</c>.</param>
/// <param name="Repeated">Errors after which the same call is made again, at most <see cref="MostRepeats"/> times in a row.</param>
/// <param name="Answers">Errors that are an answer, each with what is done about it.</param>
/// <param name="ShortTransfers">Whether doing less than was asked for is gone on from, at the byte where it stopped.</param>
/// <param name="Reason">Why.</param>
public sealed record SystemCall(string Name, IReadOnlyList<Errno> Repeated, IReadOnlyDictionary<Errno, string> Answers, bool ShortTransfers, string Reason)
{
    /// <summary>
    /// The most times that a call is repeated without progress. A signal interrupts a call once; two hundred in a row are a storm that
    /// would keep us here for ever, and that is an error too.
    /// </summary>
    public const int MostRepeats = 200;

    /// <summary>The one place that decides about a failed call: returns where it is to be made again, throws otherwise.</summary>
    /// <param name="failures">How often it failed in a row before.</param>
    /// <param name="subject">The file that it was about.</param>
    /// <param name="offset">In bytes, −1 for none.</param>
    /// <param name="lengthBytes">In bytes, −1 for none.</param>
    internal void RepeatOrThrow(int failures, string subject, long offset = -1, long lengthBytes = -1)
    {
        var errno = LastErrno();
        if (failures < MostRepeats && Repeated.Contains(errno)) return;
        throw new PosixException(Name, subject, errno, offset, lengthBytes);
    }

    /// <summary>The errno of a failed call where it is one of <see cref="Answers"/>; throws otherwise.</summary>
    internal Errno AnswerOrThrow(string subject, long offset = -1, long lengthBytes = -1)
    {
        var errno = LastErrno();
        return Answers.ContainsKey(errno) ? errno : throw new PosixException(Name, subject, errno, offset, lengthBytes);
    }

    /// <summary>The same for a call that may also be repeated: null means again.</summary>
    internal Errno? AnswerOrRepeat(int failures, string subject, long offset = -1, long lengthBytes = -1)
    {
        if (Answers.ContainsKey(LastErrno())) return LastErrno();
        RepeatOrThrow(failures, subject, offset, lengthBytes);
        return null;
    }

    private static Errno LastErrno() => (Errno)Marshal.GetLastPInvokeError();
}
