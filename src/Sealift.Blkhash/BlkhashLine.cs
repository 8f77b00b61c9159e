using System.Buffers;

namespace Sealift.Blkhash;

/// <summary>The line that <c>blksum</c> prints: lower-case hexadecimal digest, two spaces, name.</summary>
public static class BlkhashLine
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>The line, without a line end.</summary>
    /// <param name="root">The root.</param>
    /// <param name="name">The file or URI as the user gave it; <c>-</c> for standard input.</param>
    public static string Format(ReadOnlySpan<byte> root, string name) => $"{Convert.ToHexStringLower(root)}  {name}";

    /// <summary>Takes a line apart.</summary>
    /// <exception cref="Posix.SealiftException">SL2003: it is not such a line.</exception>
    public static (byte[] Root, string Name) Parse(string line)
    {
        var gap = line.IndexOf("  ", StringComparison.Ordinal);
        if (gap < 0) throw BlkhashErrors.BadLine(line, "there are no two spaces in it");
        if (gap == 0 || gap % 2 != 0 || gap > 128 || line.AsSpan(0, gap).ContainsAnyExcept(HexDigits))
            throw BlkhashErrors.BadLine(line, "it does not begin with a hexadecimal digest");
        if (line.Length == gap + 2) throw BlkhashErrors.BadLine(line, "there is no name");
        return (Convert.FromHexString(line.AsSpan(0, gap)), line[(gap + 2)..]);
    }
}
