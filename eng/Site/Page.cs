using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sealift.Site;

/// <summary>One page of the documentation: a Markdown file, parsed.</summary>
/// <param name="Path">Where it lies, from the repository's root: <c>docs/formats/seal.md</c>.</param>
/// <param name="Text">The file's text.</param>
/// <param name="Document">What the text says.</param>
internal sealed record Page(string Path, string Text, MarkdownDocument Document)
{
    // Identifiers as GitHub makes them, so that a link works there and in the site.
    private static readonly MarkdownPipeline Markdown = new MarkdownPipelineBuilder().UsePipeTables().UseAutoLinks().UseAutoIdentifiers(AutoIdentifierOptions.GitHub).UsePreciseSourceLocation().Build();

    /// <summary>How pages are parsed and rendered.</summary>
    public static MarkdownPipeline Pipeline => Markdown;

    /// <summary>The words of the first heading.</summary>
    public string Title => Document.Descendants<HeadingBlock>().FirstOrDefault() is HeadingBlock heading ? Words(heading.Inline) : Path;

    /// <summary>What a link can name behind its '#': each heading, and on the page of errors each code.</summary>
    public IReadOnlyCollection<string> Anchors =>
        [.. Document.Descendants<HeadingBlock>().Select(h => h.TryGetAttributes()?.Id).OfType<string>(), .. ErrorRows.Of(this).Select(r => r.Code)];

    /// <summary>Where its links and pictures lead, as they are written.</summary>
    public IEnumerable<LinkInline> Links => Document.Descendants<LinkInline>().Where(l => !l.IsAutoLink);

    /// <summary>Parses a page.</summary>
    public static Page Parse(string path, string text) => new(path, text, Markdig.Markdown.Parse(text, Markdown));

    /// <summary>The text of inlines without their marks.</summary>
    public static string Words(ContainerInline? inlines)
    {
        if (inlines is null) return string.Empty;
        var words = new System.Text.StringBuilder();
        foreach (var inline in inlines.Descendants())
        {
            words.Append(inline switch
            {
                LiteralInline literal => literal.Content.ToString(),
                CodeInline code => code.Content,
                AutolinkInline link => link.Url,
                HtmlEntityInline entity => entity.Transcoded.ToString(),
                LineBreakInline => " ",
                _ => string.Empty,
            });
        }

        return words.ToString();
    }
}
