using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Sealift.Migrations.Seals;

/// <summary>HTML that is safe to write out: whatever was put into it as text was escaped on the way in.</summary>
/// <param name="Html">The markup.</param>
internal readonly record struct Markup(string Html)
{
    public static Markup Empty { get; } = new(string.Empty);

    /// <summary>Markup from an interpolated string: literals as they are, texts escaped, markup kept.</summary>
    public static Markup Of(MarkupBuilder builder) => builder.Done();

    public static Markup Join(IEnumerable<Markup> parts) => new(string.Concat(parts.Select(p => p.Html)));

    public override string ToString() => Html;
}

/// <summary>Escapes every text that is put into markup, so that no caller can forget to.</summary>
/// <remarks>
/// Control and format characters, among them those that reverse the direction of what follows, are shown as their code points: a
/// name is drawn as what it is. Letters of every script stay as they are.
/// </remarks>
[InterpolatedStringHandler]
internal readonly struct MarkupBuilder(int literalLength, int formattedCount)
{
    private readonly StringBuilder html = new(literalLength + (formattedCount * 16));

    public void AppendLiteral(string literal) => html.Append(literal);

    public void AppendFormatted(Markup markup) => html.Append(markup.Html);

    public void AppendFormatted(IEnumerable<Markup> markup)
    {
        foreach (var part in markup) html.Append(part.Html);
    }

    public void AppendFormatted(long number) => html.Append(number.ToString(CultureInfo.InvariantCulture));

    public void AppendFormatted(double number) => html.Append(number.ToString("0.###", CultureInfo.InvariantCulture));

    public void AppendFormatted(string? text)
    {
        foreach (var rune in (text ?? string.Empty).EnumerateRunes()) // a lone surrogate arrives as U+FFFD
        {
            switch (rune.Value)
            {
                case '&': html.Append("&amp;"); break;
                case '<': html.Append("&lt;"); break;
                case '>': html.Append("&gt;"); break;
                case '"': html.Append("&quot;"); break;
                case '\'': html.Append("&#39;"); break;
                case '\n' or '\t': html.Append((char)rune.Value); break;
                default:
                    if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
                        html.Append(CultureInfo.InvariantCulture, $"⟦U+{rune.Value:X4}⟧");
                    else
                        html.Append(rune.ToString());
                    break;
            }
        }
    }

    public Markup Done() => new(html.ToString());
}
