using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Sealift.Bench.Mutation;

/// <summary>Builds mutants into a file, each behind the switch: all of them are compiled at once, and one is chosen when a test runs.</summary>
internal sealed class MutantBuilder(ILookup<SyntaxNode, Mutant> chosen, SemanticModel model) : CSharpSyntaxRewriter
{
    /// <summary>The file with some of its mutants.</summary>
    public static SyntaxTree Build(SemanticModel model, IEnumerable<Mutant> mutants)
    {
        var tree = model.SyntaxTree;
        var root = new MutantBuilder(mutants.ToLookup(m => m.Node), model).Visit(tree.GetRoot())!;
        return tree.WithRootAndOptions(root, tree.Options);
    }

    /// <inheritdoc/>
    public override SyntaxNode? Visit(SyntaxNode? node)
    {
        var built = base.Visit(node);
        if (node is null || built is null) return built;
        foreach (var mutant in chosen[node]) built = Wrap(mutant, node, built);
        return built;
    }

    private static string Is(Mutant mutant) => $"global::{MutantSwitch.TypeName}.Is({mutant.Id})";

    private SyntaxNode Wrap(Mutant mutant, SyntaxNode original, SyntaxNode built) => mutant.Form switch
    {
        // The condition is worked out all the same, a call in it is made, and its answer is ignored. And the switch is only asked, so the
        // mutant only counts as reached, where that makes a difference.
        Form.True => Expression($"(({built.WithoutTrivia()}) || {Is(mutant)})", original),
        Form.False => Expression($"(({built.WithoutTrivia()}) && !{Is(mutant)})", original),
        Form.Replace when original.Parent is ForStatementSyntax loop && loop.Incrementors.Contains((ExpressionSyntax)original) => Expression($"_ = {Is(mutant)} ? {mutant.Replacement} : {built.WithoutTrivia()}", original),
        Form.Replace => Expression($"({Cast(original)}({Is(mutant)} ? ({mutant.Replacement}) : ({built.WithoutTrivia()})))", original),
        Form.Drop => SyntaxFactory.ParseStatement($"{{ if (!{Is(mutant)}) {built.WithoutTrivia()} }}").WithTriviaFrom(original),
        Form.NoCatch => ((CatchClauseSyntax)built).WithFilter(SyntaxFactory.CatchFilterClause(SyntaxFactory.ParseExpression($"!{Is(mutant)}"))),
        Form.DropBody => Body(mutant, built),
        _ => throw new InvalidOperationException($"{mutant.Form} cannot be built"),
    };

    private static SyntaxNode Body(Mutant mutant, SyntaxNode built)
    {
        BlockSyntax Block(ExpressionSyntax body) => (BlockSyntax)SyntaxFactory.ParseStatement($"{{ if (!{Is(mutant)}) {body.WithoutTrivia()}; }}");
        return built switch
        {
            MethodDeclarationSyntax method => method.WithBody(Block(method.ExpressionBody!.Expression)).WithExpressionBody(null).WithSemicolonToken(default),
            LocalFunctionStatementSyntax local => local.WithBody(Block(local.ExpressionBody!.Expression)).WithExpressionBody(null).WithSemicolonToken(default),
            LambdaExpressionSyntax lambda => lambda.WithBody(Block(lambda.ExpressionBody!)),
            _ => throw new InvalidOperationException($"{built.Kind()} has no body to drop"),
        };
    }

    // A conditional expression is no constant any more, and constants alone fit into smaller types by themselves.
    private string Cast(SyntaxNode original)
    {
        var type = model.GetTypeInfo(original).ConvertedType;
        return type is { SpecialType: >= SpecialType.System_Char and <= SpecialType.System_UInt64 } or { SpecialType: SpecialType.System_IntPtr or SpecialType.System_UIntPtr } ? $"({type.ToDisplayString()})" : string.Empty;
    }

    private static ExpressionSyntax Expression(string text, SyntaxNode original) => SyntaxFactory.ParseExpression(text).WithTriviaFrom(original);
}
