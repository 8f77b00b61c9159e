using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Markdig.Extensions.Tables;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sealift.Site;

/// <summary>What is between the headers of a page: its Markdown as HTML that needs nothing from elsewhere.</summary>
internal static partial class PageHtml
{
    /// <summary>Renders a page.</summary>
    /// <param name="book">The book, for where links lead.</param>
    /// <param name="page">The page.</param>
    /// <param name="files">Receives the files of the repository that it links to or shows.</param>
    public static string Of(Book book, Page page, ISet<string> files)
    {
        // A tree of its own: what is changed in it is only for this.
        var copy = Page.Parse(page.Path, page.Text);
        foreach (var comment in copy.Document.Descendants<HtmlBlock>().Where(b => b.Type == HtmlBlockType.Comment).ToList()) comment.Parent!.Remove(comment);
        foreach (var (code, row) in ErrorRows.Of(copy)) row.GetAttributes().Id = code;
        foreach (var table in copy.Document.Descendants<Table>()) NameColumns(table);
        foreach (var link in copy.Links.ToList()) Lead(book, copy, link, files);
        LinkCodes(book, copy);

        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var renderer = new HtmlRenderer(text);
        Page.Pipeline.Setup(renderer);
        renderer.Render(copy.Document);
        return Finish(text.ToString());
    }

    // A table of two columns whose header is empty is a list of names with what is said of each.
    private static void NameColumns(Table table)
    {
        if (table.Count > 0 && table[0] is TableRow { IsHeader: true } header && Enumerable.Range(0, header.Count).All(i => ErrorRows.CellWords(header, i).Length == 0)) table.RemoveAt(0);
    }

    private static void Lead(Book book, Page page, LinkInline link, ISet<string> files)
    {
        if (link.Url is not string url || url.Contains("://", StringComparison.Ordinal) || url.StartsWith('#') || url.StartsWith("mailto:", StringComparison.Ordinal)) return;
        var parts = url.Split('#', 2);
        var anchor = parts.Length > 1 ? "#" + parts[1] : string.Empty;
        var target = book.Target(page, parts[0]);
        if (book.At(target) is Page other)
        {
            link.Url = SitePath.Between(SitePath.Of(page), SitePath.Of(other)) + anchor;
        }
        else if (File.Exists(Path.Combine(book.Repository, target)))
        {
            files.Add(target);
            link.Url = SitePath.Between(SitePath.Of(page), SitePath.OfFile(target)) + anchor;
        }
        else if (Directory.Exists(Path.Combine(book.Repository, target)) && book.At(Path.Combine(target, "README.md")) is Page inside)
        {
            link.Url = SitePath.Between(SitePath.Of(page), SitePath.Of(inside)) + anchor;
        }
        else
        {
            // A directory of the repository: its name stays, and leads nowhere.
            link.ReplaceBy(new LiteralInline(Page.Words(link)));
        }
    }

    /// <summary>Each code of an error that is mentioned leads to what the list of errors says of it.</summary>
    private static void LinkCodes(Book book, Page page)
    {
        if (book.At(ErrorRows.Page) is not Page errors) return;
        var known = ErrorRows.Of(errors).Select(r => r.Code).ToHashSet();
        var list = page.Path == errors.Path ? string.Empty : SitePath.Between(SitePath.Of(page), SitePath.Of(errors));
        foreach (var inline in page.Document.Descendants<LeafInline>().ToList())
        {
            if (inline.FindParentOfType<LinkInline>().Any()) continue;
            if (inline is CodeInline code && known.Contains(code.Content))
            {
                var link = new LinkInline($"{list}#{code.Content}", string.Empty);
                code.ReplaceBy(link);
                link.AppendChild(new CodeInline(code.Content));
            }
            else if (inline is LiteralInline literal && Code().IsMatch(literal.Content.ToString()))
            {
                var words = literal.Content.ToString();
                Inline last = literal;
                var at = 0;
                foreach (Match match in Code().Matches(words))
                {
                    if (!known.Contains(match.Value)) continue;
                    last = Behind(last, new LiteralInline(words[at..match.Index]));
                    var link = new LinkInline($"{list}#{match.Value}", string.Empty);
                    link.AppendChild(new LiteralInline(match.Value));
                    last = Behind(last, link);
                    at = match.Index + match.Length;
                }

                last.InsertAfter(new LiteralInline(words[at..]));
                literal.Remove();
            }
        }

        static Inline Behind(Inline last, Inline next)
        {
            last.InsertAfter(next);
            return next;
        }
    }

    // What Markdig writes, made usable without a mouse: what can be scrolled can be focused; each heading leads to itself; a prompt is not copied.
    private static string Finish(string html)
    {
        var tables = 0;
        html = html.Replace("<table>", "<table class=\"plain\">", StringComparison.Ordinal);
        html = TableStart().Replace(html, _ => $"<div class=\"tablet\" tabindex=\"0\" role=\"group\" aria-label=\"Table {++tables}\"><table>");
        html = html.Replace("</table>", "</table></div>", StringComparison.Ordinal).Replace("<th></th>", "<td></td>", StringComparison.Ordinal).Replace("<pre><code", "<pre tabindex=\"0\"><code", StringComparison.Ordinal);
        html = Heading().Replace(html, m => $"<h{m.Groups[1].Value} id=\"{m.Groups[2].Value}\">{m.Groups[3].Value} <a class=\"here\" href=\"#{m.Groups[2].Value}\" aria-label=\"Link to this section\">#</a></h{m.Groups[1].Value}>");
        return Console().Replace(html, m => Prompt().Replace(m.Value, p => $"<span class=\"prompt\">{p.Groups[1].Value}</span><span class=\"typed\">{p.Groups[2].Value}</span>{p.Groups[3].Value}"));
    }

    /// <summary>The whole page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="parts">The navigation.</param>
    /// <param name="body">What <see cref="Of"/> made.</param>
    public static string Whole(Page page, IReadOnlyList<Part> parts, string body)
    {
        var here = SitePath.Of(page);
        string To(string address) => WebUtility.HtmlEncode(SitePath.Between(here, address));
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en" data-root="{To(".")}/">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{WebUtility.HtmlEncode(page.Title == "Sealift" ? "Sealift" : page.Title + " · Sealift")}</title>
            <link rel="stylesheet" href="{To("site.css")}">
            <script defer src="{To("search-index.js")}"></script>
            <script defer src="{To("site.js")}"></script>
            </head>
            <body>
            <a class="skip" href="#content">To the content</a>
            <header class="top">
            <a class="brand" href="{To("index.html")}">Sealift</a>
            <form class="search" role="search" hidden>
            <label for="search">Search</label>
            <input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="a word, or a code such as SL7102" aria-describedby="found" aria-keyshortcuts="/">
            <p id="found" class="quiet" role="status"></p>
            <ol id="results" hidden></ol>
            </form>
            <a class="to-contents" href="#contents">Contents</a>
            </header>
            <div class="sheet">
            <main id="content" tabindex="-1">

            """);
        html.Append(body);
        html.Append("</main>\n<nav id=\"contents\" aria-label=\"Contents\">\n");
        foreach (var part in parts)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h2>{WebUtility.HtmlEncode(part.Title)}</h2>\n<ul>\n");
            foreach (var (title, _, other) in part.Entries)
                html.Append(CultureInfo.InvariantCulture, $"<li><a href=\"{To(SitePath.Of(other))}\"{(other.Path == page.Path ? " aria-current=\"page\"" : string.Empty)}>{WebUtility.HtmlEncode(title)}</a></li>\n");
            html.Append("</ul>\n");
        }

        return html.Append("</nav>\n</div>\n</body>\n</html>\n").ToString();
    }

    [GeneratedRegex(@"\bSL\d{4}\b")]
    private static partial Regex Code();

    [GeneratedRegex("<table class=\"plain\">")]
    private static partial Regex TableStart();

    [GeneratedRegex("<h([2-6]) id=\"([^\"]+)\">(.*?)</h[2-6]>", RegexOptions.Singleline)]
    private static partial Regex Heading();

    [GeneratedRegex("<code class=\"language-console\">.*?</code>", RegexOptions.Singleline)]
    private static partial Regex Console();

    [GeneratedRegex(@"(?m)(?<=^|>)(\$ |&gt; )([^\n<]*?)(\s+# [^\n<]*)?$")]
    private static partial Regex Prompt();
}
