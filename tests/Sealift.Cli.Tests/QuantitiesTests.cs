using Sealift.Cli.Terminal;

namespace Sealift.Cli.Tests;

public sealed class QuantitiesTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536L << 20, "1.5 GiB")]
    [InlineData(128L << 20, "128 MiB")]
    [InlineData(64L << 40, "64 TiB")]
    public void Sizes_are_written_in_binary_units(long bytes, string text) => Assert.Equal(text, Quantities.Size(bytes));

    [Theory]
    [InlineData("512M", 512L << 20)]
    [InlineData("4GiB", 4L << 30)]
    [InlineData("4g", 4L << 30)]
    [InlineData("1073741824", 1L << 30)]
    public void Sizes_are_read_with_their_unit(string text, long bytes) => Assert.Equal(bytes, Quantities.ParseSize(text));

    [Theory]
    [InlineData("")]
    [InlineData("G")]
    [InlineData("-1")]
    [InlineData("1.5G")]
    [InlineData("99999999T")]
    [InlineData("1X")]
    public void What_is_no_size_is_refused(string text) => Assert.Null(Quantities.ParseSize(text));

    [Theory]
    [InlineData("45", 45_000)]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("10m", 600_000)]
    [InlineData("24h", 86_400_000)]
    public void Times_are_read_with_their_unit(string text, double milliseconds) => Assert.Equal(milliseconds, Quantities.ParseTime(text)?.TotalMilliseconds);

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1.5m")]
    [InlineData("25h")]
    [InlineData("99999999999999999h")]
    [InlineData("2d")]
    public void What_is_no_time_is_refused(string text) => Assert.Null(Quantities.ParseTime(text));

    [Theory]
    [InlineData(0.42, "0.4 s")]
    [InlineData(42, "42 s")]
    [InlineData(185, "3 min 05 s")]
    [InlineData(7800, "2 h 10 min")]
    public void Times_are_written_for_people(double seconds, string text) => Assert.Equal(text, Quantities.Time(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Steering_characters_never_reach_the_terminal() =>
        Assert.Equal("a?[31mred?b\n\tok", ErrorReport.Printable("a\e[31mred\u0007b\n\tok"));
}
