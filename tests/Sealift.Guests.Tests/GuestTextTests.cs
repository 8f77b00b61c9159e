using System.Text;
using CsCheck;

namespace Sealift.Guests.Tests;

public class GuestTextTests
{
    [Fact]
    public void Nothing_that_a_guest_writes_moves_the_cursor_or_grows_without_end() => Gen.String.Sample(text =>
    {
        foreach (var (clean, limit) in ((string, int)[])[(GuestText.Name(text), GuestText.NameLimitCharacters), (GuestText.Finding(text), GuestText.FindingLimitCharacters)])
        {
            Assert.True(clean.Length <= limit);
            Assert.DoesNotContain(clean, c => char.IsControl(c) && c != '\n');
        }
    });

    [Fact]
    public void A_cut_is_marked() => Assert.EndsWith("… (cut)", GuestText.Finding(new string('x', 5000)), StringComparison.Ordinal);

    [Theory]
    [InlineData(@"a\x22b\x20c\x5cx", "a\"b c\\x")]
    [InlineData(@"gr\xc3\xbcn", "grün")]
    [InlineData(@"end\x", @"end\x")]
    [InlineData(@"no\xzz", @"no\xzz")]
    [InlineData("ünï", "ünï")]
    public void Udev_escapes_are_undone(string encoded, string expected) => Assert.Equal(expected, GuestText.DecodeUdev(encoded));

    [Fact]
    public void Direction_marks_and_escapes_are_gone() => Assert.Equal("ab[2Jc d", GuestText.Name("a\u202Eb\u001b[2Jc\nd"));

    [Fact]
    public void Guestfish_gets_back_what_was_quoted()
    {
        Assert.Equal("\"a\\\"b\\\\c\\nd\\x1b\"", Appliance.Quote("a\"b\\c\nd\u001b"));
        Assert.Equal(Encoding.UTF8.GetByteCount("é"), Encoding.UTF8.GetByteCount(Appliance.Quote("é")) - 2);
    }
}
