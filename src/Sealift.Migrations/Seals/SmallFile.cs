using System.Text;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>A small file read whole, within a limit, through the descriptor that was checked.</summary>
internal static class SmallFile
{
    /// <summary>All of a file, or null where it is longer than the limit.</summary>
    public static byte[]? Read(PosixFile file, int limitBytes)
    {
        var length = file.Facts().LengthBytes;
        if (length > limitBytes) return null;
        var content = new byte[length];
        file.ReadExactlyAt(content, 0);
        return content;
    }

    /// <summary>All of a file as UTF-8, or null where it is longer than the limit.</summary>
    public static string? ReadText(PosixFile file, int limitBytes) => Read(file, limitBytes) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;
}
