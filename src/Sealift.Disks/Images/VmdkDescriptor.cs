using System.Globalization;
using System.Text;

namespace Sealift.Disks;

/// <summary>One extent line of a VMDK descriptor.</summary>
/// <param name="Access">RW, RDONLY or NOACCESS.</param>
/// <param name="Sectors">Its length in sectors of 512 bytes.</param>
/// <param name="Kind">FLAT, SPARSE, VMFS, VMFSSPARSE …</param>
/// <param name="FileName">The file's name as the descriptor spells it; empty where it has none.</param>
/// <param name="OffsetSectors">Where a flat extent starts in its file, in sectors.</param>
internal sealed record VmdkExtent(string Access, long Sectors, string Kind, string FileName, long OffsetSectors);

/// <summary>
/// The text that describes a VMDK. It is read strictly, line by line: whatever qemu's looser reading might take for an extent or a
/// name that we did not see would be opened without having been looked at.
/// </summary>
/// <remarks>VMware's <em>Virtual Disk Format 5.0</em>, "The Descriptor File"; qemu's <c>vmdk_parse_extents</c>.</remarks>
internal sealed class VmdkDescriptor
{
    /// <summary>The longest descriptor that is read. Thousands of extents fit.</summary>
    public const int MaximumBytes = 256 << 10;

    private const int MaximumExtents = 4096, MaximumNameLength = 511;
    private const long MaximumSectors = 64L << 31; // 64 TiB
    private static readonly string[] Accesses = ["RW", "RDONLY", "NOACCESS"];

    private readonly Dictionary<string, string> values = new(StringComparer.OrdinalIgnoreCase);

    private VmdkDescriptor(List<VmdkExtent> extents) => Extents = extents;

    /// <summary>Its extents, in order.</summary>
    public IReadOnlyList<VmdkExtent> Extents { get; }

    /// <summary>monolithicSparse, streamOptimized, vmfs …</summary>
    public string CreateType => values.GetValueOrDefault("createType", string.Empty);

    /// <summary>The identity of its content, which a child records.</summary>
    public uint? ContentId => Hexadecimal("CID");

    /// <summary>The identity of the parent's content; null for a disk without a parent.</summary>
    public uint? ParentContentId => Hexadecimal("parentCID") is { } id && id != uint.MaxValue ? id : null;

    /// <summary>The parent's name; null where there is none.</summary>
    public string? ParentName => values.GetValueOrDefault("parentFileNameHint") is { Length: > 0 } name ? name : null;

    /// <summary>Whether it says that it is encrypted.</summary>
    public bool IsEncrypted => values.ContainsKey("encryptionKeys") || values.ContainsKey("ddb.encoding.encryption");

    /// <summary>Whether a file's first bytes are those of a descriptor.</summary>
    public static bool IsDescriptor(ReadOnlySpan<byte> head)
    {
        var text = Encoding.Latin1.GetString(head).TrimStart();
        return text.StartsWith("# Disk DescriptorFile", StringComparison.OrdinalIgnoreCase) || text.StartsWith("#Disk DescriptorFile", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Reads it.</summary>
    /// <param name="bytes">The image that contains it.</param>
    /// <param name="offset">Where it starts.</param>
    /// <param name="lengthBytes">The space that it has; zeros behind the text are padding.</param>
    /// <param name="qemuReadsExtents">Whether qemu will read the extent lines too (in a file of its own), so that its quirks matter.</param>
    public static VmdkDescriptor Read(ImageBytes bytes, long offset, long lengthBytes, bool qemuReadsExtents)
    {
        if (lengthBytes > MaximumBytes) throw ImageErrors.TooLarge(bytes.Name, "VMDK descriptor", offset, $"{lengthBytes} bytes are over the limit of {MaximumBytes}");
        var raw = new byte[lengthBytes];
        bytes.Read(raw, offset, "VMDK descriptor");
        // The text ends at its first zero byte, for qemu too. Behind it may be the end of an older, longer text: qemu's vmdk_write_cid
        // writes the CID without leading zeros, so the text shrinks by a digit in one of sixteen images.
        var used = raw.AsSpan();
        if (used.IndexOf((byte)0) is >= 0 and var end) used = used[..end];
        var extents = new List<VmdkExtent>();
        var descriptor = new VmdkDescriptor(extents);
        var lines = Encoding.UTF8.GetString(used).Split('\n');
        var blankBefore = false;
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim(' ', '\t', '\r');
            if (line.AsSpan().ContainsAnyInRange('\0', '\x1f') && line.Any(c => c != '\t' && char.IsControl(c))) throw Bad(bytes, i, "it has control characters");
            if (line.Length == 0)
            {
                blankBefore = true;
                continue;
            }

            if (line[0] != '#')
            {
                if (ParseExtent(bytes, line, i) is { } extent)
                {
                    // qemu skips white space before a match, so it would count this line twice.
                    if (qemuReadsExtents && blankBefore) throw Bad(bytes, i, "an extent directly behind an empty line, which qemu would read twice; remove the empty line");
                    if (extents.Count == MaximumExtents) throw Bad(bytes, i, $"more than {MaximumExtents} extents");
                    extents.Add(extent);
                }
                else
                {
                    descriptor.AddValue(bytes, line, i);
                }
            }

            blankBefore = false;
        }

        return descriptor;
    }

    private static VmdkExtent? ParseExtent(ImageBytes bytes, string line, int number)
    {
        var words = line.Split([' ', '\t'], 4, StringSplitOptions.RemoveEmptyEntries);
        if (!Accesses.Contains(words[0], StringComparer.Ordinal)) return null;
        if (words.Length < 3 || !long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var sectors) || sectors is <= 0 or > MaximumSectors)
            throw Bad(bytes, number, "an extent without a length from 1 sector to 64 TiB");
        var rest = words.Length == 4 ? words[3] : string.Empty;
        if (rest.Length == 0) return new VmdkExtent(words[0], sectors, words[2], string.Empty, 0);
        var close = rest.IndexOf('"', 1);
        if (rest[0] != '"' || close < 2) throw Bad(bytes, number, "an extent whose file name is not in quotes");
        var name = rest[1..close];
        if (Encoding.UTF8.GetByteCount(name) > MaximumNameLength) throw Bad(bytes, number, "a file name that is too long");
        var tail = rest[(close + 1)..].Trim();
        var offset = 0L;
        if (tail.Length > 0 && (!long.TryParse(tail.Split([' ', '\t'])[0], NumberStyles.None, CultureInfo.InvariantCulture, out offset) || offset > MaximumSectors))
            throw Bad(bytes, number, "an extent whose offset is no number");
        return new VmdkExtent(words[0], sectors, words[2], name, offset);
    }

    private void AddValue(ImageBytes bytes, string line, int number)
    {
        var equals = line.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1) throw Bad(bytes, number, $"'{ImageErrors.Printable(line)}' is neither a comment nor a setting nor an extent");
        var (key, value) = (line[..equals].Trim(), line[(equals + 1)..].Trim());
        if (key.AsSpan().ContainsAny(" \t\"")) throw Bad(bytes, number, $"'{ImageErrors.Printable(key)}' is no name of a setting");
        if (value.Length >= 2 && value[0] == '"' && value[^1] == '"') value = value[1..^1];
        // The disk database may repeat itself; what decides how the disk is read may not.
        if (!values.TryAdd(key, value) && key is not ['d' or 'D', 'd' or 'D', 'b' or 'B', '.', ..]) throw Bad(bytes, number, $"'{ImageErrors.Printable(key)}' is set twice");
    }

    private uint? Hexadecimal(string key) =>
        values.TryGetValue(key, out var text) && uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) ? id : null;

    private static Posix.SealiftException Bad(ImageBytes bytes, int line, string said) => ImageErrors.Invalid(bytes.Name, $"VMDK descriptor, line {line + 1},", 0, said);
}
