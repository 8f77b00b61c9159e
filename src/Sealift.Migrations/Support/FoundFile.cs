using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Migrations.Support;

/// <summary>A file that is opened without trusting its name: links are not followed, pipes are not waited for, and what was replaced is not read.</summary>
internal sealed class FoundFile : IDisposable
{
    private readonly PosixFile file;

    private FoundFile(PosixFile file, long lengthBytes)
    {
        this.file = file;
        LengthBytes = lengthBytes;
    }

    /// <summary>Its length when it was opened, in bytes.</summary>
    public long LengthBytes { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="made">The file that the journal knows under this path; null where any regular file will do.</param>
    /// <param name="why">Why it was not opened.</param>
    /// <returns>Null where it was not.</returns>
    public static FoundFile? Open(string path, ArtefactRecord? made, out string why)
    {
        why = string.Empty;
        try
        {
            if (FileFacts.OfPathIfExists(path) is not { } seen)
            {
                why = "it is not there any more";
                return null;
            }

            if (seen.Kind != FileKind.Regular)
            {
                why = seen.Kind == FileKind.SymbolicLink ? "it is a symbolic link, which is not followed" : "it is no regular file";
                return null;
            }

            // What is there now may be another thing than what was looked at: a link fails, a pipe does not block, and the facts are asked again.
            var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow | OpenMode.NonBlocking);
            var facts = file.Facts();
            if (facts.Kind == FileKind.Regular && (made is null || (facts.Device == made.Device && facts.Inode == made.Inode))) return new FoundFile(file, facts.LengthBytes);
            file.Dispose();
            why = "it is not the file that Sealift made";
            return null;
        }
        catch (PosixException e)
        {
            why = $"{e.Call}: {e.Said}";
            return null;
        }
    }

    /// <summary>All of it.</summary>
    /// <exception cref="SealiftException">SL1001, SL1002: it cannot be read, or became shorter.</exception>
    public byte[] Read()
    {
        var content = new byte[LengthBytes];
        file.ReadExactlyAt(content, 0);
        return content;
    }

    /// <summary>Its text without secrets: all of it, or its beginning and its end.</summary>
    /// <param name="redaction">Takes the secrets out.</param>
    /// <param name="endBytes">How much of a longer one is kept at each end.</param>
    /// <param name="wasCut">Whether something is left out.</param>
    /// <exception cref="SealiftException">SL1001, SL1002: it cannot be read, or became shorter.</exception>
    public string ReadText(Redaction redaction, int endBytes, out bool wasCut)
    {
        // What lies across the cut must be seen as a whole: a half of a secret is one, too.
        const int Margin = 128 << 10;
        wasCut = LengthBytes > 2L * (endBytes + Margin);
        if (!wasCut) return redaction.Text(Encoding.UTF8.GetString(Read()));

        var bytes = new byte[endBytes + Margin];
        file.ReadExactlyAt(bytes, 0);
        var head = Redaction.Plain(Encoding.UTF8.GetString(bytes));
        var headCut = Cut(head, head.Length - Margin);
        file.ReadExactlyAt(bytes, LengthBytes - bytes.Length);
        var tail = Redaction.Plain(Encoding.UTF8.GetString(bytes));
        var tailCut = Cut(tail, Math.Min(Margin, tail.Length));
        return redaction.Compose(head, redaction.Find(head), 0, headCut)
            + string.Create(CultureInfo.InvariantCulture, $"\n[... the middle of this file is left out: it has {LengthBytes} bytes, and about {endBytes} of its beginning and as many of its end are here ...]\n")
            + redaction.Compose(tail, redaction.Find(tail), tailCut, tail.Length);
    }

    public void Dispose() => file.Dispose();

    // At the end of a line where there is one near.
    private static int Cut(string text, int about)
    {
        if (about <= 0) return 0;
        var line = text.LastIndexOf('\n', about - 1, Math.Min(about, 4096));
        return line < 0 ? about : line + 1;
    }
}
