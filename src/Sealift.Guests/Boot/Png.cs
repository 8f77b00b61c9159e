using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Sealift.Guests.Boot;

/// <summary>Pictures of screens as PNG files, of one kind only: 8 bits a channel, red, green and blue, not interlaced; https://www.w3.org/TR/png-3/.</summary>
public static class Png
{
    /// <summary>The longest side that is taken, in pixels.</summary>
    public const int SideLimit = 4096;

    private const int HeaderBytes = 13;
    private static readonly byte[] Signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The PNG of a picture.</summary>
    /// <param name="width">Its width in pixels, 1 to <see cref="SideLimit"/>.</param>
    /// <param name="height">Its height in pixels, 1 to <see cref="SideLimit"/>.</param>
    /// <param name="pixels">Three bytes a pixel, row by row.</param>
    public static byte[] Encode(int width, int height, ReadOnlySpan<byte> pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, SideLimit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, SideLimit);
        var row = width * 3;
        if (pixels.Length != row * height) throw new ArgumentException($"{pixels.Length} bytes are no picture of {width} × {height} pixels", nameof(pixels));

        Span<byte> header = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        (header[8], header[9], header[10], header[11], header[12]) = (8, 2 /* truecolour */, 0, 0, 0);

        using var packed = new MemoryStream();
        using (var deflate = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            // Filter "up": rows of screens are mostly like the row above them.
            var filtered = new byte[row + 1];
            filtered[0] = 2;
            for (var y = 0; y < height; y++)
            {
                var here = pixels.Slice(y * row, row);
                for (var x = 0; x < row; x++) filtered[x + 1] = (byte)(here[x] - (y == 0 ? 0 : pixels[((y - 1) * row) + x]));
                deflate.Write(filtered);
            }
        }

        using var file = new MemoryStream();
        file.Write(Signature);
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, packed.GetBuffer().AsSpan(0, (int)packed.Length));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>
    /// The size of a picture that is such a PNG from its first byte to its last, with nothing else in it; null where it is not. Whoever
    /// shows a picture that came from elsewhere asks this first.
    /// </summary>
    public static (int Width, int Height)? Measure(ReadOnlySpan<byte> png)
    {
        if (!png.StartsWith(Signature)) return null;
        var rest = png[Signature.Length..];
        if (!TryTakeChunk(ref rest, "IHDR"u8, out var header) || header.Length != HeaderBytes) return null;
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
        if (width is < 1 or > SideLimit || height is < 1 or > SideLimit || !header[8..].SequenceEqual((ReadOnlySpan<byte>)[8, 2, 0, 0, 0])) return null;
        if (!TryTakeChunk(ref rest, "IDAT"u8, out var packed) || !TryTakeChunk(ref rest, "IEND"u8, out var end) || end.Length > 0 || rest.Length > 0) return null;
        return HasLength(packed, (long)height * ((width * 3) + 1)) ? (width, height) : null;
    }

    private static bool HasLength(ReadOnlySpan<byte> packed, long expected)
    {
        try
        {
            using var inflate = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
            var buffer = new byte[64 << 10];
            var total = 0L;
            for (int n; total <= expected && (n = inflate.Read(buffer)) > 0;) total += n;
            return total == expected;
        }
        catch (InvalidDataException)
        {
            return false; // not deflated at all: that is the answer
        }
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Checksum(type, data));
        file.Write(number);
    }

    private static bool TryTakeChunk(ref ReadOnlySpan<byte> rest, ReadOnlySpan<byte> type, out ReadOnlySpan<byte> data)
    {
        data = default;
        if (rest.Length < 12) return false;
        var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > rest.Length - 12 || !rest.Slice(4, 4).SequenceEqual(type)) return false;
        data = rest.Slice(8, (int)length);
        if (BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + (int)length)..]) != Checksum(type, data)) return false;
        rest = rest[(12 + (int)length)..];
        return true;
    }

    private static uint Checksum(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        var crc = new Crc32();
        crc.Append(type);
        crc.Append(data);
        return crc.GetCurrentHashAsUInt32();
    }
}
