namespace Sealift.Blkhash.Tests;

/// <summary>The memory of a map, whatever the disk's length: a bounded number of pages, used again and again.</summary>
public sealed class PageCacheTests
{
    private const int Budget = 8 << 20;

    [Theory]
    [InlineData(16)]
    [InlineData(20)]
    [InlineData(32)]
    [InlineData(64)]
    public void No_more_pages_stay_than_eight_mebibytes_hold(int digestBytes)
    {
        var pageBytes = 4096 * (digestBytes + 1); // leaves and states
        var cache = new PageCache(digestBytes);
        Fill(cache, 0, Budget / pageBytes);
        Assert.Equal(Budget / pageBytes, cache.Pages.Count());
        Assert.Equal(0, cache.Surplus!.Number);
    }

    [Fact]
    public void The_longest_unused_page_goes_first()
    {
        var cache = new PageCache(16);
        var pages = Fill(cache, 0, Budget / (4096 * 17));
        Assert.Equal(0, cache.Surplus!.Number);
        Assert.Same(cache.Surplus, cache.Find(0));
        Assert.Equal(1, cache.Surplus!.Number);
        for (var number = 1; number < pages - 1; number++) Assert.Equal(number, cache.Find(number)!.Number);
        Assert.Equal(pages - 1, cache.Surplus!.Number);
        Assert.Equal(0, cache.Find(0)!.Number);
        Assert.Equal(pages - 1, cache.Surplus!.Number);
        cache.Drop(pages - 1);
        Assert.Null(cache.Surplus);
        Assert.Null(cache.Find(pages - 1));
        Assert.Equal(pages - 1, cache.Pages.Count());
    }

    [Fact]
    public void A_page_that_went_is_used_for_the_next_and_costs_nothing()
    {
        var cache = new PageCache(16);
        Fill(cache, 0, 10);
        var gone = cache.Find(3)!;
        cache.Drop(3);
        cache.Drop(3); // it is not there any more
        Assert.Same(gone, cache.Rent());
        Assert.Same(gone, cache.Rent()); // whoever could not fill it left it
        Fill(cache, 10, 1);
        Assert.Same(gone, cache.Find(10));
        cache.Drop(10);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var number = 100; number < 1100; number++)
        {
            Fill(cache, number, 1);
            cache.Drop(number);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096 * 17); // less than one page
    }

    [Fact]
    public void A_page_that_was_not_rented_does_not_come_in()
    {
        var cache = new PageCache(16);
        var rented = cache.Rent();
        var other = new MapPage(16);
        other.Reset(1, 10, BlockState.Zero);
        Assert.Throws<InvalidOperationException>(() => cache.Add(other));
        Assert.Null(cache.Find(1));
        Assert.NotSame(other, rented);
    }

    private static int Fill(PageCache cache, int first, int count)
    {
        for (var number = first; number < first + count; number++)
        {
            if (number > first) Assert.Null(cache.Surplus);
            var page = cache.Rent();
            page.Reset(number, 10, BlockState.Zero);
            cache.Add(page);
        }

        return count;
    }
}
