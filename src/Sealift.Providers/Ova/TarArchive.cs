using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Providers.Ova;

/// <summary>A regular file in a tar archive.</summary>
/// <param name="Name">Its name, normalised; see <see cref="PackageName"/>.</param>
/// <param name="Offset">Its first byte within the archive; a multiple of 512.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
internal sealed record TarMember(string Name, long Offset, long LengthBytes);

/// <summary>
/// The table of contents of an uncompressed tar archive (POSIX.1-2024 pax, "ustar Interchange Format"; the GNU tar manual,
/// "Basic Tar Format"). Members stay where they are: disks are read in place, by offset.
/// </summary>
/// <remarks>
/// A reader of our own rather than System.Formats.Tar, because an archive from outside must mean one thing only: everything
/// that two readers might understand differently (links, devices, sparse files, overriding headers, content behind the end, a
/// missing end) is refused, and no field of the archive decides how much memory is taken. Understood: v7, ustar, GNU long
/// names and base-256 sizes, pax <c>path</c> and <c>size</c>.
/// </remarks>
internal static class TarArchive
{
    public const int MaxMembers = 10_000;
    private const int BlockBytes = 512;
    private const int MaxExtensionBytes = 64 << 10;

    // Tar pads to a record of 20 blocks; some writers to 1 MiB. More than that behind the end is content that somebody hid there.
    private const long MaxTailBytes = 4 << 20;

    /// <summary>Whether the first block is a tar header: its checksum fits, and it is not empty.</summary>
    public static bool LooksLike(ReadOnlySpan<byte> firstBlock) =>
        firstBlock.Length >= BlockBytes && firstBlock[..BlockBytes].ContainsAnyExcept((byte)0) && ChecksumFits(firstBlock[..BlockBytes]);

    /// <summary>Reads all headers.</summary>
    /// <exception cref="SealiftException">SL6101 malformed or truncated, SL6102 a member that is no regular file, SL6103 a bad name, SL6104 a name twice, SL6105 too many.</exception>
    public static IReadOnlyList<TarMember> Read(PosixFile file, CancellationToken cancel)
    {
        var archiveBytes = file.Facts().LengthBytes;
        var members = new List<TarMember>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var header = new byte[BlockBytes];
        string? longName = null;
        long? paxSize = null;
        long at = 0;
        var headers = 0;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            if (archiveBytes - at < BlockBytes) throw ProviderErrors.BadTar(file.Path, at, "it ends without the end-of-archive mark: it is truncated");
            file.ReadExactlyAt(header, at);
            if (!header.AsSpan().ContainsAnyExcept((byte)0)) break;
            if (++headers > 4 * MaxMembers) throw ProviderErrors.TooMany(file.Path, "headers", 4 * MaxMembers);
            if (!ChecksumFits(header)) throw ProviderErrors.BadTar(file.Path, at, "the checksum of this header is wrong");
            var type = (char)header[156];
            var sizeBytes = paxSize is { } size && type is '0' or '\0' or '5' ? paxSize ?? 0 : Number(header.AsSpan(124, 12), file.Path, at, "size");
            var dataAt = at + BlockBytes;
            if (sizeBytes > archiveBytes - dataAt) throw ProviderErrors.BadTar(file.Path, at, $"this member claims {sizeBytes} bytes but the archive has only {archiveBytes - dataAt} left: it is truncated");
            var next = dataAt + ((sizeBytes + BlockBytes - 1) / BlockBytes * BlockBytes);
            switch (type)
            {
                case 'x' or 'g' or 'L':
                    if (sizeBytes > MaxExtensionBytes) throw ProviderErrors.BadTar(file.Path, at, $"an extension header of {sizeBytes} bytes is more than {MaxExtensionBytes}");
                    var extension = new byte[sizeBytes];
                    file.ReadExactlyAt(extension, dataAt);
                    if (type == 'L')
                    {
                        if (longName is not null) throw ProviderErrors.BadTar(file.Path, at, "two headers name the same member");
                        longName = Text(extension, file.Path, at);
                    }
                    else
                    {
                        foreach (var (key, value) in PaxRecords(extension, file.Path, at))
                        {
                            if (key.StartsWith("GNU.sparse", StringComparison.Ordinal) || key is "linkpath" or "SCHILY.realsize")
                                throw ProviderErrors.BadMember(file.Path, at, value, $"sparse files and links (pax '{key}') are not accepted in a package");
                            if (key is not ("path" or "size")) continue;
                            if (type == 'g') throw ProviderErrors.BadTar(file.Path, at, $"a global header sets '{key}' for every member");
                            if (key == "path" ? longName is not null : paxSize is not null) throw ProviderErrors.BadTar(file.Path, at, $"'{key}' is set twice for one member");
                            if (key == "path") longName = value;
                            else paxSize = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : throw ProviderErrors.BadTar(file.Path, at, "the pax size is no number");
                        }
                    }

                    break;
                case '0' or '\0' or '5':
                    var name = longName ?? HeaderName(header, file.Path, at);
                    longName = null;
                    paxSize = null;
                    if (type == '5' || (type == '\0' && name.EndsWith('/')))
                    {
                        if (sizeBytes != 0) throw ProviderErrors.BadTar(file.Path, at, $"the directory '{name}' has content");
                        if (name.TrimEnd('/') is not ("." or "")) PackageName.Normalize(name.TrimEnd('/'), file.Path);
                        break;
                    }

                    var normal = PackageName.Normalize(name, file.Path);
                    if (!names.Add(normal)) throw ProviderErrors.DuplicateMember(file.Path, normal);
                    if (members.Count == MaxMembers) throw ProviderErrors.TooMany(file.Path, "members", MaxMembers);
                    members.Add(new TarMember(normal, dataAt, sizeBytes));
                    break;
                default:
                    throw ProviderErrors.BadMember(file.Path, at, longName ?? HeaderName(header, file.Path, at), type switch
                    {
                        '1' => "it is a hard link",
                        '2' or 'K' => "it is a symbolic link",
                        '3' or '4' => "it is a device",
                        '6' => "it is a pipe",
                        'S' => "it is a sparse file",
                        _ => $"its type 0x{(int)type:x2} is not a regular file's",
                    });
            }

            at = next;
        }

        if (longName is not null || paxSize is not null) throw ProviderErrors.BadTar(file.Path, at, "an extension header has no member");
        CheckTail(file, at, archiveBytes);
        return members;
    }

    private static void CheckTail(PosixFile file, long at, long archiveBytes)
    {
        if (archiveBytes - at > MaxTailBytes) throw ProviderErrors.BadTar(file.Path, at, $"{archiveBytes - at} bytes follow the end-of-archive mark");
        var tail = new byte[archiveBytes - at];
        file.ReadExactlyAt(tail, at);
        var hidden = tail.AsSpan().IndexOfAnyExcept((byte)0);
        if (hidden >= 0) throw ProviderErrors.BadTar(file.Path, at + hidden, "something follows the end-of-archive mark");
    }

    private static bool ChecksumFits(ReadOnlySpan<byte> header)
    {
        var sum = 0L;
        for (var i = 0; i < BlockBytes; i++) sum += i is >= 148 and < 156 ? ' ' : header[i];
        return TryOctal(header.Slice(148, 8), out var stored) && stored == sum;
    }

    private static bool TryOctal(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        var text = field.TrimStart((byte)' ');
        var end = text.IndexOfAnyExceptInRange((byte)'0', (byte)'7');
        var digits = end < 0 ? text : text[..end];
        if (digits.IsEmpty || (end >= 0 && text[end] is not (0 or (byte)' '))) return false;
        foreach (var d in digits) value = (value << 3) | (long)(d - '0');
        return true;
    }

    private static long Number(ReadOnlySpan<byte> field, string path, long at, string what)
    {
        if ((field[0] & 0x80) == 0) return TryOctal(field, out var octal) ? octal : throw ProviderErrors.BadTar(path, at, $"its {what} is no number");
        // GNU base-256: big-endian two's complement behind the flag bit. Only what fits a positive long is a size.
        if (field[0] != 0x80 || field[1..^8].ContainsAnyExcept((byte)0) || (field[^8] & 0x80) != 0) throw ProviderErrors.BadTar(path, at, $"its {what} is negative or absurd");
        var value = 0L;
        foreach (var b in field[^8..]) value = (value << 8) | b;
        return value;
    }

    private static string HeaderName(ReadOnlySpan<byte> header, string path, long at)
    {
        var name = Text(header[..100], path, at);
        var posix = header.Slice(257, 6).SequenceEqual("ustar\0"u8);
        var prefix = posix ? Text(header.Slice(345, 155), path, at) : string.Empty;
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    private static string Text(ReadOnlySpan<byte> field, string path, long at)
    {
        var end = field.IndexOf((byte)0);
        return Utf8(end < 0 ? field : field[..end], path, at);
    }

    private static string Utf8(ReadOnlySpan<byte> bytes, string path, long at)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (ArgumentException)
        {
            throw ProviderErrors.BadTar(path, at, "a name in it is not UTF-8");
        }
    }

    private static List<(string Key, string Value)> PaxRecords(byte[] extension, string path, long at)
    {
        var records = new List<(string, string)>();
        var rest = extension.AsSpan();
        while (!rest.IsEmpty)
        {
            // "LEN key=value\n", LEN counting itself
            var space = rest.IndexOf((byte)' ');
            if (space is < 1 or > 8 || !int.TryParse(rest[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length <= space + 1 || length > rest.Length || rest[length - 1] != '\n')
                throw ProviderErrors.BadTar(path, at, "an extended header is malformed");
            var record = rest[(space + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals < 1) throw ProviderErrors.BadTar(path, at, "an extended header is malformed");
            var key = Utf8(record[..equals], path, at);
            // Other values (times, owners, attributes) may be any bytes, and nobody reads them.
            records.Add((key, key is "path" or "size" or "linkpath" ? Utf8(record[(equals + 1)..], path, at) : string.Empty));
            rest = rest[length..];
        }

        return records;
    }
}
