using Sealift.Site;

namespace Sealift.Docs;

/// <summary>Every link within the repository leads to a file, and where it names a place in a page, to that place.</summary>
public sealed class LinkTests
{
    public static TheoryData<string> Pages => [.. Repository.Book.Pages.Select(p => p.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_relative_link_leads_somewhere(string path)
    {
        var (book, page) = (Repository.Book, Repository.Book.At(path)!);
        Assert.Empty(page.Links.Select(l => Fault(book, page, l.Url!)).OfType<string>());
    }

    [Theory]
    [InlineData("errors.md#SL7102", null)]
    [InlineData("#the-ways", null)]
    [InlineData("../README.md", null)]
    [InlineData("https://example.com/nothing", null)]
    [InlineData("#no-such-heading", "has no place")]
    [InlineData("errors.md#SL0000", "has no place")]
    [InlineData("nothing.md", "is not there")]
    [InlineData("../../outside", "out of the repository")]
    public void A_link_that_leads_nowhere_is_found(string link, string? fault)
    {
        var found = Fault(Repository.Book, Page.Parse("docs/x.md", "# X\n\n## The ways\n"), link);
        if (fault is null) Assert.Null(found);
        else Assert.Contains(fault, found, StringComparison.Ordinal);
    }

    private static string? Fault(Book book, Page page, string link)
    {
        if (link.Contains("://", StringComparison.Ordinal) || link.StartsWith("mailto:", StringComparison.Ordinal)) return null;
        var (file, anchor) = link.Split('#', 2) is [var f, var a] ? (f, a) : (link, null);
        var target = book.Target(page, file);
        if (target.StartsWith("..", StringComparison.Ordinal)) return $"{page.Path} links out of the repository: {link}";
        var there = Path.Combine(book.Repository, target);
        if (file.Length > 0 && !File.Exists(there) && !Directory.Exists(there)) return $"{page.Path} links to {link}, which is not there";
        var other = target == page.Path ? page : book.At(target);
        return anchor is null || other is null || other.Anchors.Contains(anchor) ? null : $"{page.Path} links to {link}, and {other.Path} has no place of this name";
    }
}
