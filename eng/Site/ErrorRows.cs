using System.Text.RegularExpressions;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace Sealift.Site;

/// <summary>The rows of docs/errors.md: each code is a place that a link leads to and that a search finds.</summary>
internal static partial class ErrorRows
{
    /// <summary>The page that has them.</summary>
    public const string Page = "docs/errors.md";

    /// <summary>The codes of a page with their rows; none of a page that is not the list of errors.</summary>
    public static IEnumerable<(string Code, TableRow Row)> Of(Page page)
    {
        if (page.Path != Page) yield break;
        foreach (var row in page.Document.Descendants<TableRow>())
        {
            var code = CellWords(row, 0);
            if (Code().IsMatch(code)) yield return (code, row);
        }
    }

    /// <summary>The words of one cell; empty where there is none.</summary>
    public static string CellWords(TableRow row, int cell) =>
        cell >= row.Count ? string.Empty : string.Join(' ', row[cell].Descendants<ParagraphBlock>().Select(p => Site.Page.Words(p.Inline))).Trim();

    [GeneratedRegex(@"^SL\d{4}$")]
    private static partial Regex Code();
}
