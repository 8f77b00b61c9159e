using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>The names of indexes, in UTF-16.</summary>
internal static class IndexName
{
    private static readonly byte[] DirectoryName = Encoding.Unicode.GetBytes("$I30"), IdName = Encoding.Unicode.GetBytes("$SII"), HashName = Encoding.Unicode.GetBytes("$SDH");

    /// <summary>$I30: a directory's names.</summary>
    public static ReadOnlySpan<byte> Directory => DirectoryName;

    /// <summary>$SII: security descriptors by their number.</summary>
    public static ReadOnlySpan<byte> SecurityId => IdName;

    /// <summary>$SDH: security descriptors by their hash.</summary>
    public static ReadOnlySpan<byte> SecurityHash => HashName;
}
