using System.Globalization;
using System.Text;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sealift.Site;

/// <summary>A page of the book as a manual page, in the macros of man(7).</summary>
internal static class ManualPage
{
    /// <summary>The topics that have one: the page, the name, the section of the manual and what that section is called.</summary>
    public static readonly IReadOnlyList<(string Path, string Name, int Section, string Volume)> Topics =
    [
        ("docs/plans.md", "sealift-plan", 5, "File Formats"),
        ("docs/errors.md", "sealift-errors", 7, "Miscellaneous Information"),
        ("docs/integrity.md", "sealift-integrity", 7, "Miscellaneous Information"),
    ];

    /// <summary>Writes one.</summary>
    /// <param name="page">The page.</param>
    /// <param name="name">Its name in the manual.</param>
    /// <param name="section">The section of the manual, 1 to 9.</param>
    /// <param name="volume">What that section is called.</param>
    /// <param name="answers">What it is about, for whatis(1).</param>
    public static string Of(Page page, string name, int section, string volume, string answers)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $".TH {Quoted(name.ToUpperInvariant())} {section} \"\" sealift {Quoted(volume)}\n.SH NAME\n{Escaped(name)} \\- {Escaped(answers)}\n.SH DESCRIPTION\n");
        foreach (var block in page.Document) Write(text, block);
        text.Append(".SH SEE ALSO\n.BR sealift (1)");
        foreach (var (_, other, number, _) in Topics.Where(t => t.Name != name)) text.Append(CultureInfo.InvariantCulture, $",\n.BR {Escaped(other)} ({number})");
        return text.Append('\n').ToString();
    }

    private static void Write(StringBuilder text, Block block)
    {
        switch (block)
        {
            case HeadingBlock { Level: 1 } or HtmlBlock or LinkReferenceDefinitionGroup or ThematicBreakBlock:
                break;
            case HeadingBlock heading:
                text.Append(CultureInfo.InvariantCulture, $"{(heading.Level == 2 ? ".SH" : ".SS")} {Quoted(Page.Words(heading.Inline))}\n");
                break;
            case ParagraphBlock paragraph:
                text.Append(".PP\n").Append(Line(Inlines(paragraph.Inline)));
                break;
            case CodeBlock code:
                text.Append(".PP\n.RS 4\n.nf\n");
                foreach (var line in code.Lines.ToString().Split('\n')) text.Append(Line(Escaped(line)));
                text.Append(".fi\n.RE\n");
                break;
            case ListBlock list:
                var number = int.TryParse(list.OrderedStart, CultureInfo.InvariantCulture, out var first) ? first : 1;
                foreach (var item in list.OfType<ListItemBlock>())
                {
                    text.Append(list.IsOrdered ? string.Create(CultureInfo.InvariantCulture, $".IP {number++}. 4\n") : ".IP \\(bu 2\n");
                    WriteItem(text, item);
                }

                break;
            case Table table:
                WriteTable(text, table);
                break;
            case ContainerBlock others:
                text.Append(".RS 4\n");
                foreach (var inner in others) Write(text, inner);
                text.Append(".RE\n");
                break;
            default:
                throw new NotSupportedException($"{block.GetType().Name} at line {block.Line + 1} has no form in a manual page");
        }
    }

    private static void WriteItem(StringBuilder text, ListItemBlock item)
    {
        var indented = false;
        foreach (var (block, at) in item.Select((b, i) => (b, i)))
        {
            if (at == 0 && block is ParagraphBlock paragraph)
            {
                text.Append(Line(Inlines(paragraph.Inline)));
                continue;
            }

            if (!indented) text.Append(".RS 4\n");
            indented = true;
            Write(text, block);
        }

        if (indented) text.Append(".RE\n");
    }

    // A terminal is too narrow for a table of sentences: each row is an entry under its first cell, and what stands in further cells is said with its column's name.
    private static void WriteTable(StringBuilder text, Table table)
    {
        var rows = table.OfType<TableRow>().ToList();
        var header = rows.FirstOrDefault(r => r.IsHeader);
        foreach (var row in rows.Where(r => !r.IsHeader))
        {
            var cells = row.Select(c => Cell((TableCell)c)).ToList();
            text.Append(".TP\n").Append(cells[0].Length > 0 ? Line($"\\fB{cells[0].Replace("\\fR", "\\fB", StringComparison.Ordinal)}\\fR") : "\\&\n");
            var said = false;
            for (var i = 1; i < cells.Count; i++)
            {
                if (cells[i].Length == 0) continue;
                if (said) text.Append(".br\n");
                var column = header is null || row.Count == 2 ? string.Empty : ErrorRows.CellWords(header, i);
                text.Append(Line(column.Length > 0 ? $"\\fI{Escaped(column)}\\fR: {cells[i]}" : cells[i]));
                said = true;
            }

            if (!said) text.Append("\\&\n");
        }
    }

    private static string Cell(TableCell cell) => string.Join(' ', cell.Descendants<ParagraphBlock>().Select(p => Inlines(p.Inline)));

    private static string Inlines(ContainerInline? inlines)
    {
        var text = new StringBuilder();
        foreach (var inline in inlines ?? Enumerable.Empty<Inline>())
        {
            text.Append(inline switch
            {
                LiteralInline literal => Escaped(literal.Content.ToString()),
                CodeInline code => $"\\fB{Escaped(code.Content)}\\fR",
                HtmlEntityInline entity => Escaped(entity.Transcoded.ToString()),
                AutolinkInline link => Escaped(link.Url),
                LineBreakInline => " ",
                LinkInline { IsImage: true } => string.Empty,
                LinkInline link when link.Url!.Contains("://", StringComparison.Ordinal) => $"{Inlines(link)} <{Escaped(link.Url)}>",
                EmphasisInline { DelimiterCount: 1 } emphasis => $"\\fI{Inlines(emphasis)}\\fR",
                EmphasisInline emphasis => $"\\fB{Inlines(emphasis)}\\fR",
                ContainerInline others => Inlines(others),
                _ => string.Empty,
            });
        }

        return text.ToString();
    }

    // A line of text is no request, whatever it begins with.
    private static string Line(string text) => (text.StartsWith('.') || text.StartsWith('\'') ? "\\&" : string.Empty) + text + "\n";

    private static string Escaped(string text) => text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);

    private static string Quoted(string text) => $"\"{Escaped(text).Replace("\"", "\\(dq", StringComparison.Ordinal)}\"";
}
