using System.Text;
using CsCheck;
using Sealift.Guests.Boot;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Boot;

public sealed class ScreenTests
{
    [Fact]
    public async Task A_picture_reads_as_what_it_was_made_of()
    {
        // By somebody else's decoder: Python's zlib, and the one filter that is used.
        using var directory = new TemporaryDirectory();
        var random = new Random(7);
        var pixels = new byte[31 * 17 * 3];
        random.NextBytes(pixels);
        await File.WriteAllBytesAsync(directory.File("x.png"), Png.Encode(31, 17, pixels), TestContext.Current.CancellationToken);
        const string Decode = """
            import sys, struct, zlib
            d = open(sys.argv[1], 'rb').read()
            assert d[:8] == b'\x89PNG\r\n\x1a\n'
            at, idat = 8, b''
            while at < len(d):
                n, kind = struct.unpack('>I4s', d[at:at+8])
                data = d[at+8:at+8+n]
                assert zlib.crc32(kind + data) == struct.unpack('>I', d[at+8+n:at+12+n])[0]
                if kind == b'IHDR': w, h, *rest = struct.unpack('>IIBBBBB', data)
                if kind == b'IDAT': idat += data
                at += 12 + n
            assert rest == [8, 2, 0, 0, 0]
            raw, above, out = zlib.decompress(idat), bytes(w * 3), b''
            for y in range(h):
                line = raw[y*(w*3+1):(y+1)*(w*3+1)]
                assert line[0] == 2
                above = bytes((a + b) & 255 for a, b in zip(line[1:], above))
                out += above
            print(w, h, out.hex())
            """;
        var result = await ChildProcess.RunAsync(new ChildCommand("python3", "-c", Decode, directory.File("x.png")), TestContext.Current.CancellationToken);
        Assert.Equal($"31 17 {Convert.ToHexStringLower(pixels)}", result.Output.Trim());
    }

    [Fact]
    public void Any_change_to_a_picture_is_seen()
    {
        var png = Png.Encode(9, 5, new byte[9 * 5 * 3]);
        Assert.Equal((9, 5), Png.Measure(png));
        Gen.Select(Gen.Int[0, png.Length - 1], Gen.Byte[1, 255]).Sample((at, flip) =>
        {
            var changed = (byte[])png.Clone();
            changed[at] ^= flip;
            Assert.Null(Png.Measure(changed));
        });
        for (var length = 0; length < png.Length; length++) Assert.Null(Png.Measure(png.AsSpan(0, length)));
        Assert.Null(Png.Measure([.. png, 0]));
    }

    /// <summary>One pixel a row more or less than the header says.</summary>
    [Fact]
    public void A_picture_whose_pixels_are_not_those_of_its_size_is_none()
    {
        var (small, large) = (Png.Encode(4, 4, new byte[48]), Png.Encode(5, 5, new byte[75]));
        // The header of one with the pixels of the other; each chunk is sound.
        Assert.Null(Png.Measure([.. small[..33], .. large[33..]]));
        Assert.Null(Png.Measure([.. large[..33], .. small[33..]]));
        Assert.Equal((4, 4), Png.Measure([.. small[..33], .. small[33..]]));
    }

    [Theory]
    [InlineData("P6\n2 1\n255\nabcdef", 2)]
    [InlineData("P6\n2 1\n255\nabcde", null)]
    [InlineData("P6\n2 1\n255\nabcdefg", null)]
    [InlineData("P6\n0 1\n255\n", null)]
    [InlineData("P6\n-2 1\n255\nabcdef", null)]
    [InlineData("P6\n99999 99999\n255\nabcdef", null)]
    [InlineData("P6\n2 1\n65535\nabcdefabcdef", null)]
    [InlineData("P5\n2 1\n255\nab", null)]
    [InlineData("P6\n2 1 255\nabcdef\n\n", null)]
    [InlineData("", null)]
    public void A_dump_is_a_picture_of_just_its_size_or_none(string content, int? width) =>
        Assert.Equal(width, ScreenDump.Parse(Encoding.ASCII.GetBytes(content))?.Picture().Width);

    /// <summary>Noise cannot be packed: the picture gets smaller instead.</summary>
    [Fact]
    public void A_picture_that_would_be_large_is_halved()
    {
        var pixels = new byte[1280 * 800 * 3];
        new Random(3).NextBytes(pixels);
        var picture = ScreenDump.Parse([.. Encoding.ASCII.GetBytes("P6\n1280 800\n255\n"), .. pixels])!.Picture();
        Assert.True(picture.Png.Length <= 512 << 10, $"{picture.Png.Length}");
        Assert.Equal((320, 200), (picture.Width, picture.Height));
        Assert.Equal((320, 200), Png.Measure(picture.Png));
    }

    [Fact]
    public void A_cursor_that_blinks_does_not_count_as_a_change_and_everything_else_does()
    {
        var time = new Clock();
        var watch = new ScreenWatch(time);
        watch.Saw(1);
        foreach (var digest in new ulong[] { 2, 1, 2, 1, 1, 2 })
        {
            time.Seconds += 10;
            watch.Saw(digest);
        }

        Assert.Equal(50, watch.Standstill.TotalSeconds); // since the other half of the blinking was first seen
        watch.Saw(3);
        Assert.Equal(0, watch.Standstill.TotalSeconds);
        time.Seconds += 10;
        watch.Saw(1);
        Assert.Equal(0, watch.Standstill.TotalSeconds);
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
