using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Markdig.Extensions.Tables;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sealift.Site;

/// <summary>What the search looks through: each section of each page and each code of an error, as a script. A page that is opened from a disk may not fetch a file, but may load a script.</summary>
internal static class SearchIndex
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    /// <summary>One place that can be found.</summary>
    /// <param name="Page">The page's title.</param>
    /// <param name="Heading">The section's, or the code.</param>
    /// <param name="Address">From the site's root.</param>
    /// <param name="Text">Its words.</param>
    internal sealed record Place(string Page, string Heading, string Address, string Text);

    /// <summary>The script.</summary>
    public static string Script(Book book) =>
        "window.sealiftIndex=" + JsonSerializer.Serialize(book.Pages.SelectMany(Places).Select(p => new[] { p.Page, p.Heading, p.Address, p.Text }), Plain) + ";\n";

    /// <summary>The places of a page.</summary>
    public static IEnumerable<Place> Places(Page page)
    {
        var address = SitePath.Of(page);
        var (heading, anchor, words) = (page.Title, string.Empty, new StringBuilder());
        foreach (var block in page.Document)
        {
            if (block is HeadingBlock next)
            {
                if (words.Length > 0) yield return new Place(page.Title, heading, address + anchor, words.ToString().Trim());
                (heading, anchor) = (Page.Words(next.Inline), next.Level == 1 ? string.Empty : "#" + next.TryGetAttributes()?.Id);
                words.Clear();
                continue;
            }

            if (block is HtmlBlock) continue;
            foreach (var leaf in block.Descendants<LeafBlock>().Concat(block is LeafBlock itself ? [itself] : []))
            {
                // A row of an error is a place of its own, below.
                if (page.Path == ErrorRows.Page && leaf.Parent is TableCell { Parent: TableRow row } && ErrorRows.CellWords(row, 0).StartsWith("SL", StringComparison.Ordinal)) continue;
                words.Append(leaf.Inline is ContainerInline inline ? Page.Words(inline) : leaf.Lines.ToString()).Append(' ');
            }
        }

        yield return new Place(page.Title, heading, address + anchor, words.ToString().Trim());
        foreach (var (code, row) in ErrorRows.Of(page))
            yield return new Place(page.Title, code, $"{address}#{code}", string.Join(' ', Enumerable.Range(1, row.Count - 1).Select(i => ErrorRows.CellWords(row, i))));
    }
}
