using System.Text;
using CsCheck;
using Sealift.Guests.Boot;

namespace Sealift.Guests.Tests.Boot;

public sealed class SerialWatchTests
{
    [Theory]
    [InlineData("web01 login: ", "boot.login-prompt")]
    [InlineData("login:", "boot.login-prompt")]
    [InlineData("a line\r\nlocalhost.localdomain login: ", "boot.login-prompt")]
    [InlineData("SAC>", "boot.login-prompt")]
    [InlineData("web01 login: [   12.345678] random: crng init done\r\n", "boot.login-prompt")]
    [InlineData("\u001B[1;1H\u001B[2Jgrub> ", "boot.boot-loader")]
    [InlineData("Shell> ", "boot.no-bootable-device")]
    [InlineData("dracut:/# ", "boot.initramfs-shell")]
    [InlineData("Give root password for maintenance\r\n(or press Control-D to continue): ", "boot.emergency-shell")]
    public void Signs_are_seen(string text, string name) => Assert.Equal(name, Heard(text).Look(TimeSpan.Zero)?.Class);

    [Theory]
    [InlineData("Last login: ")]
    [InlineData("web01 login: root\r\n")]
    [InlineData("Starting the login: service")]
    [InlineData("type grub> to")]
    [InlineData("[    1.000000] Command line: quiet\r\n")]
    [InlineData("")]
    public void What_is_no_sign_is_none(string text) => Assert.Null(Heard(text).Look(TimeSpan.Zero));

    [Fact]
    public void A_line_that_is_still_being_written_is_not_judged()
    {
        var watch = Heard("web01 login: ");
        Assert.Null(watch.Look(TimeSpan.FromHours(1)));
        Assert.NotNull(watch.Look(TimeSpan.Zero));
    }

    [Fact]
    public void The_first_sign_counts()
    {
        var watch = Heard("Kernel panic - not syncing: x\r\nweb01 login: ");
        Assert.Equal(BootOutcome.Failed, watch.Look(TimeSpan.Zero)!.Outcome);
    }

    /// <summary>However it is cut into pieces, and whatever is in it: bounded, without control characters, and the same text.</summary>
    [Fact]
    public void Any_bytes_in_any_pieces_give_text_that_is_fit_to_be_shown() =>
        Gen.Select(Gen.Byte.Array[0, 400], Gen.Int[1, 50]).Sample((bytes, piece) =>
        {
            var (whole, cut) = (new SerialWatch(), new SerialWatch());
            whole.Hear(bytes);
            foreach (var part in bytes.Chunk(piece)) cut.Hear(part);
            Assert.Equal(whole.Text(), cut.Text());
            Assert.DoesNotContain(whole.Text(), c => c != '\n' && char.IsControl(c));
            Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback).GetBytes(whole.Text());
        });

    [Fact]
    public void Of_much_the_beginning_and_the_end_are_kept()
    {
        var watch = new SerialWatch();
        for (var i = 0; i < 200_000; i++) watch.Hear(Encoding.UTF8.GetBytes($"line {i}\n"));
        var text = watch.Text();
        Assert.StartsWith("line 0\nline 1\n", text, StringComparison.Ordinal);
        Assert.EndsWith("line 199999\n", text, StringComparison.Ordinal);
        Assert.Contains("characters are left out", text, StringComparison.Ordinal);
        Assert.True(text.Length < (2 * SerialWatch.PartLimitCharacters) + 100, $"{text.Length}");
        Assert.EndsWith("line 199999", watch.Tail(), StringComparison.Ordinal);
        Assert.Equal(40, watch.Tail().Split('\n').Length);
    }

    [Fact]
    public void A_line_without_end_is_cut_and_kept_within_bounds()
    {
        var watch = new SerialWatch();
        var part = new byte[1 << 16];
        part.AsSpan().Fill((byte)'x');
        for (var i = 0; i < 64; i++) watch.Hear(part);
        Assert.All(watch.Text().Split('\n'), l => Assert.True(l.Length <= SerialWatch.LineLimitCharacters));
        Assert.True(watch.Text().Length < (2 * SerialWatch.PartLimitCharacters) + SerialWatch.LineLimitCharacters + 100);
        Assert.True(watch.Tail().Length <= 8193);
    }

    private static SerialWatch Heard(string text)
    {
        var watch = new SerialWatch();
        watch.Hear(Encoding.UTF8.GetBytes(text));
        return watch;
    }
}
