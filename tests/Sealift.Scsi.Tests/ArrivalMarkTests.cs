namespace Sealift.Scsi.Tests;

/// <summary>What of a buffer came is told by what did not.</summary>
public sealed class ArrivalMarkTests
{
    /// <summary>Whatever the last bytes of an answer are, they count: also those that the mark happens to have.</summary>
    [Fact]
    public void Bytes_that_are_like_the_mark_count_as_the_target_says()
    {
        for (var said = 0; said <= 64; said++)
        {
            var buffer = new byte[64];
            var mark = ArrivalMark.Fill(buffer);
            buffer.AsSpan(0, said / 8 * 8).Fill(0x55); // and the rest of what it says are the bytes that stand there
            Assert.Equal((said, -1), (mark.Count(buffer, said, out var missing), missing));
            Assert.False(buffer.AsSpan(said).ContainsAnyExcept((byte)0));
        }
    }

    [Theory]
    [InlineData(64, 0, 0)]
    [InlineData(64, 8, 8)]
    [InlineData(63, 48, 48)]
    [InlineData(512, 504, 504)]
    public void What_is_left_of_the_mark_did_not_come(int said, int came, int counted)
    {
        var buffer = new byte[512];
        var mark = ArrivalMark.Fill(buffer);
        buffer.AsSpan(0, came).Fill(0x55);
        Assert.Equal((counted, -1), (mark.Count(buffer, said, out var missing), missing));
    }

    [Fact]
    public void A_gap_is_found()
    {
        var buffer = new byte[515];
        var mark = ArrivalMark.Fill(buffer);
        buffer.AsSpan(0, 240).Fill(0x55);
        buffer.AsSpan(248).Fill(0x55);
        Assert.Equal((515, 240), (mark.Count(buffer, 515, out var missing), missing));
    }
}
