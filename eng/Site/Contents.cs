using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sealift.Site;

/// <summary>One part of the book.</summary>
/// <param name="Title">What the index calls it.</param>
/// <param name="Entries">Its pages in order: what the index calls each, what it says that the page answers, and the page.</param>
internal sealed record Part(string Title, IReadOnlyList<(string Title, string Answers, Page Page)> Entries);

/// <summary>The parts and the order of the pages, as docs/README.md has them: written once, for people and for the navigation.</summary>
internal static class Contents
{
    /// <summary>The parts of a book. A page that the index does not name is in none.</summary>
    public static IReadOnlyList<Part> Of(Book book)
    {
        var index = book.At("docs/README.md") ?? throw new InvalidDataException("docs/README.md is not there: it is the index of the pages");
        var parts = new List<(string Title, List<(string, string, Page)> Entries)> { ("Start", []) };
        var books = new Dictionary<string, List<(string, string, Page)>>();
        var seen = new HashSet<string> { index.Path };
        foreach (var block in index.Document)
        {
            if (block is HeadingBlock { Level: > 1 } heading) parts.Add((Page.Words(heading.Inline), []));
            var entries = parts[^1].Entries;
            foreach (var link in (block is LeafBlock leaf ? leaf.Inline?.Descendants<LinkInline>() : block.Descendants<LinkInline>()) ?? [])
            {
                if (book.At(book.Target(index, link.Url!.Split('#')[0])) is not Page page || !seen.Add(page.Path)) continue;
                var cell = link.Parent?.ParentBlock?.Parent;
                var answers = cell is { Parent: Markdig.Extensions.Tables.TableRow row } && row.IndexOf(cell) == 0 ? ErrorRows.CellWords(row, 1) : string.Empty;
                var words = Page.Words(link);
                OfDirectory(page, entries).Add((words[..1].ToUpperInvariant() + words[1..], answers, page));
            }
        }

        return [.. parts.Where(p => p.Entries.Count > 0).Select(p => new Part(p.Title, p.Entries))];

        // A directory with a first page of its own is a part of its own, wherever the index names it.
        List<(string, string, Page)> OfDirectory(Page page, List<(string, string, Page)> others)
        {
            var directory = Path.GetDirectoryName(page.Path)!;
            if (directory.Length == 0 || directory == "docs" || book.At(Path.Combine(directory, "README.md")) is not Page first) return others;
            if (books.TryGetValue(directory, out var entries)) return entries;
            parts.Insert(Math.Max(1, books.Count + 1), (first.Title, books[directory] = []));
            return books[directory];
        }
    }
}
