using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Sealift.Analyzers;

/// <summary>
/// A reason is a comment of a few words. Whether it is a good one is for the reader; that there is one, and that it stands where the
/// decision is made, is for the compiler.
/// </summary>
internal static class StatedReason
{
    private const int LeastWords = 3;
    private static readonly string[] Promises = ["TODO", "FIXME", "HACK", "XXX"];

    /// <summary>Whether a reason stands at the end of one of the node's lines, or in the comment that ends on the line above it.</summary>
    public static bool StandsAt(SyntaxNode node)
    {
        var root = node.SyntaxTree.GetRoot();
        var text = node.SyntaxTree.GetText();
        var statement = node.FirstAncestorOrSelf<StatementSyntax>();
        // A statement with a body is as long as its body; then only the lines of the expression itself count.
        SyntaxNode whole = statement is ExpressionStatementSyntax or LocalDeclarationStatementSyntax or ReturnStatementSyntax ? statement : node;
        var first = text.Lines.GetLineFromPosition(whole.SpanStart).LineNumber;
        var last = text.Lines.GetLineFromPosition(whole.Span.End).LineNumber;
        for (var line = first; line <= last; line++)
            if (IsReason(Words(CommentsOn(root, text.Lines[line])))) return true;
        return IsReason(Words(BlockAbove(root, text, first)))
            || (statement is not null && IsReason(Words(BlockAbove(root, text, text.Lines.GetLineFromPosition(statement.SpanStart).LineNumber))));
    }

    /// <summary>Whether a reason stands between the braces of a block.</summary>
    public static bool StandsIn(BlockSyntax block) =>
        IsReason(Words(block.DescendantTrivia().Where(t => block.OpenBraceToken.SpanStart <= t.SpanStart && t.Span.End <= block.CloseBraceToken.SpanStart && IsComment(t)).ToList()))
        || IsReason(Words(CommentsOn(block.SyntaxTree.GetRoot(), block.SyntaxTree.GetText().Lines.GetLineFromPosition(block.CloseBraceToken.SpanStart))));

    /// <summary>Whether a reason stands in the comment that ends on the line above a token.</summary>
    public static bool StandsAbove(SyntaxToken token)
    {
        var text = token.SyntaxTree!.GetText();
        return IsReason(Words(BlockAbove(token.SyntaxTree.GetRoot(), text, text.Lines.GetLineFromPosition(token.SpanStart).LineNumber)));
    }

    /// <summary>Whether the texts in an expression are a message to somebody: as long as a reason must be.</summary>
    public static bool IsSaidBy(ExpressionSyntax expression) => IsReason(expression.DescendantTokens()
        .Where(t => t.IsKind(SyntaxKind.StringLiteralToken) || t.IsKind(SyntaxKind.InterpolatedStringTextToken)).SelectMany(t => Words(t.ValueText)).ToList());

    /// <summary>The comment lines directly above a line, the nearest last.</summary>
    private static List<SyntaxTrivia> BlockAbove(SyntaxNode root, SourceText text, int line)
    {
        var comments = new List<SyntaxTrivia>();
        for (var above = line - 1; above >= 0; above--)
        {
            var content = text.Lines[above].ToString();
            var indent = content.Length - content.TrimStart().Length;
            if (indent == content.Length) break;
            var trivia = root.FindTrivia(text.Lines[above].Start + indent);
            if (!IsComment(trivia)) break;
            comments.Insert(0, trivia);
            above = text.Lines.GetLineFromPosition(trivia.SpanStart).LineNumber;
        }

        return comments;
    }

    private static List<SyntaxTrivia> CommentsOn(SyntaxNode root, TextLine line) =>
        root.DescendantTrivia(line.Span).Where(t => IsComment(t) && line.Span.Contains(t.SpanStart)).ToList();

    private static bool IsComment(SyntaxTrivia trivia) => trivia.IsKind(SyntaxKind.SingleLineCommentTrivia) || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia);

    private static List<string> Words(List<SyntaxTrivia> comments) =>
        comments.SelectMany(c => Words(c.ToString())).ToList();

    private static IEnumerable<string> Words(string text) => text.Split(' ', '\t', '\n', '\r', '/', '*').Where(w => w.Any(char.IsLetter));

    private static bool IsReason(List<string> words) =>
        words.Count >= LeastWords && !Promises.Contains(words[0].TrimEnd(':').ToUpperInvariant());
}
