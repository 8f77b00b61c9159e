using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Guests.Files;

/// <summary>
/// The file that a list is kept in: gzip over one record a name, of three fields that end with a zero byte each: what the inode says
/// (<see cref="RecordFormat"/>), the path, the target of a link. The last record has nothing but <c>end</c>, so that a list that was cut is known for one.
/// </summary>
internal static class FileListFile
{
    /// <summary>A record as find(1) prints it.</summary>
    public const string RecordFormat = @"%y %i %m %U:%G %s %T@ %C@\0%p\0%l\0";

    /// <summary>What follows the last one, for printf(1).</summary>
    public const string EndRecord = @"end\0\0\0";

    /// <summary>The longest file; a million names of usual length take a fifth of it.</summary>
    public const long LimitBytes = 128 << 20;

    // A path may be longer than PATH_MAX, for directories nest without end; find(1) prints it all the same.
    private const int FieldLimitBytes = 1 << 20;

    /// <summary>What is in a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sha256">Its digest, in hex.</param>
    /// <returns>Its content, as it lies in the file.</returns>
    /// <exception cref="SealiftException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is longer than any list.</exception>
    public static byte[] Load(string path, out string sha256)
    {
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow);
        var length = file.Facts().LengthBytes;
        if (length > LimitBytes) throw new InvalidDataException("it is longer than any list");
        var content = new byte[length];
        file.ReadExactlyAt(content, 0);
        sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        return content;
    }

    /// <summary>The names in a list, one after the other.</summary>
    /// <param name="content">What <see cref="Load"/> gave.</param>
    /// <param name="hasInodes">Whether the file system has inode numbers of its own.</param>
    /// <exception cref="InvalidDataException">It is no whole list, or has more names than a list may have.</exception>
    public static IEnumerable<FileEntry> Entries(byte[] content, bool hasInodes)
    {
        using var unpacked = new GZipStream(new MemoryStream(content, writable: false), CompressionMode.Decompress);
        var fields = new Fields(unpacked);
        for (var count = 0; ; count++)
        {
            var attributes = Encoding.Latin1.GetString(fields.Next());
            var (path, target) = (fields.Next(), fields.Next());
            if (attributes == "end") yield break;
            if (count == FileList.CountLimit) throw new InvalidDataException(TooMany);
            yield return Parse(attributes, path, target, hasInodes);
        }
    }

    /// <summary>That there are more names than are listed, in words.</summary>
    public static string TooMany => string.Create(CultureInfo.InvariantCulture, $"it has more than {FileList.CountLimit:N0} files");

    private static FileEntry Parse(string attributes, byte[] path, byte[] target, bool hasInodes)
    {
        var words = attributes.Split(' ');
        if (words.Length != 7 || words[0].Length != 1 || !long.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out var size) || path.Length == 0 || path[0] != '.')
            throw new InvalidDataException("a line of its list makes no sense");
        return new FileEntry(words[0][0], hasInodes ? words[1] : string.Empty, words[2], words[3], size, words[5], words[6], path.Length == 1 ? "/"u8.ToArray() : path[1..], target);
    }

    private sealed class Fields(Stream stream)
    {
        private readonly byte[] buffer = new byte[1 << 16];
        private int next, end;

        public byte[] Next()
        {
            byte[] field = [];
            while (true)
            {
                if (next == end)
                {
                    (next, end) = (0, stream.Read(buffer));
                    if (end == 0) throw new InvalidDataException("its list was cut off");
                }

                var rest = buffer.AsSpan(next, end - next);
                var length = rest.IndexOf((byte)0);
                field = [.. field, .. length < 0 ? rest : rest[..length]];
                if (field.Length > FieldLimitBytes) throw new InvalidDataException("a name in it is longer than any");
                next += length < 0 ? rest.Length : length + 1;
                if (length >= 0) return field;
            }
        }
    }
}
