using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Sealift.Posix;

namespace Sealift.Guests.Boot;

/// <summary>What QEMU's <c>screendump</c> wrote: a binary portable pixmap, https://netpbm.sourceforge.net/doc/ppm.html, which every version of it can write.</summary>
internal sealed class ScreenDump
{
    // A picture that stands in a seal is for a person to look at, who sees enough in half of each side.
    private const int PngLimitBytes = 512 << 10;
    private const int HeaderLimitBytes = 32;
    private const long FileLimitBytes = HeaderLimitBytes + (3L * Png.SideLimit * Png.SideLimit);

    private readonly int width;
    private readonly int height;
    private readonly byte[] pixels;

    private ScreenDump(int width, int height, byte[] pixels)
    {
        (this.width, this.height, this.pixels) = (width, height, pixels);
        Digest = XxHash64.HashToUInt64(pixels);
    }

    /// <summary>Two screens of the same digest look the same. Not for keeping.</summary>
    public ulong Digest { get; }

    /// <summary>Reads one.</summary>
    /// <returns>Null where the file is no such picture, or one that no screen shows.</returns>
    public static ScreenDump? Read(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow);
        var length = file.Facts().LengthBytes;
        if (length is < 11 or > FileLimitBytes) return null;
        var content = new byte[length];
        file.ReadExactlyAt(content, 0);
        return Parse(content);
    }

    internal static ScreenDump? Parse(ReadOnlySpan<byte> content)
    {
        // As QEMU writes it: "P6\n1024 768\n255\n" and the pixels.
        var header = Encoding.ASCII.GetString(content[..Math.Min(content.Length, HeaderLimitBytes)]).Split('\n', 4);
        if (header.Length < 4 || header[0] != "P6" || header[2] != "255" || header[1].Split(' ') is not [var w, var h]) return null;
        if (!int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out var width) || !int.TryParse(h, NumberStyles.None, CultureInfo.InvariantCulture, out var height)) return null;
        if (width is < 1 or > Png.SideLimit || height is < 1 or > Png.SideLimit) return null;
        var pixels = content[(header[0].Length + header[1].Length + header[2].Length + 3)..];
        return pixels.Length == width * height * 3 ? new ScreenDump(width, height, pixels.ToArray()) : null;
    }

    /// <summary>The picture for a report, halved as often as it takes to be small.</summary>
    public BootScreen Picture()
    {
        var (w, h, p) = (width, height, pixels);
        while (true)
        {
            var png = Png.Encode(w, h, p);
            if (png.Length <= PngLimitBytes || w < 64 || h < 64) return new BootScreen(w, h, png);
            (w, h, p) = Halve(w, h, p);
        }
    }

    private static (int Width, int Height, byte[] Pixels) Halve(int width, int height, byte[] pixels)
    {
        var (w, h) = (width / 2, height / 2);
        var half = new byte[w * h * 3];
        for (var y = 0; y < h; y++)
        {
            for (var x = 0; x < w; x++)
            {
                for (var c = 0; c < 3; c++)
                {
                    var at = (((2 * y * width) + (2 * x)) * 3) + c;
                    half[(((y * w) + x) * 3) + c] = (byte)((pixels[at] + pixels[at + 3] + pixels[at + (width * 3)] + pixels[at + (width * 3) + 3]) / 4);
                }
            }
        }

        return (w, h, half);
    }
}
