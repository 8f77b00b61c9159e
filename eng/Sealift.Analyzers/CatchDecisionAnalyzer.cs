using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Sealift.Analyzers;

/// <summary>SLA003: whoever catches decides, in code or in words, before the program goes on.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class CatchDecisionAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.CatchWithoutDecision];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterSyntaxNodeAction(Check, SyntaxKind.CatchClause);
    }

    private static void Check(SyntaxNodeAnalysisContext context)
    {
        var clause = (CatchClauseSyntax)context.Node;
        if (AlwaysThrows(clause.Block, context.SemanticModel)) return;
        if (StatedReason.StandsIn(clause.Block) || StatedReason.StandsAbove(clause.CatchKeyword)) return;
        var caught = clause.Declaration is { Identifier.RawKind: not 0 } declaration ? context.SemanticModel.GetDeclaredSymbol(declaration, context.CancellationToken) : null;
        var used = caught is not null && Mentions(clause.Block, caught, context.SemanticModel);
        if (used) return;
        if (OnlyLeaves(clause.Block))
            Report("The exception is caught and nothing is done about it: handle it, throw, or say in a comment why going on is right");
        else if (CatchesEverything(clause, context.SemanticModel))
            Report("Every exception is caught here and what it says is lost: catch the ones that are expected, throw, use the exception, or say in a comment why going on is right");

        void Report(string message) => context.ReportDiagnostic(Diagnostic.Create(Rules.CatchWithoutDecision, clause.CatchKeyword.GetLocation(), message));
    }

    /// <summary>Whether no way leads out of the block but an exception.</summary>
    private static bool AlwaysThrows(BlockSyntax block, SemanticModel model) =>
        model.AnalyzeControlFlow(block) is { Succeeded: true, EndPointIsReachable: false, ExitPoints.IsEmpty: true, ReturnStatements.IsEmpty: true };

    /// <summary>Whether a block has nothing but jumps: it goes on as if nothing had happened. To return what there is to say is an answer.</summary>
    private static bool OnlyLeaves(BlockSyntax block) => block.Statements.All(s => s switch
    {
        ReturnStatementSyntax { Expression: { } answer } when StatedReason.IsSaidBy(answer) => false,
        EmptyStatementSyntax or ContinueStatementSyntax or BreakStatementSyntax or ReturnStatementSyntax or GotoStatementSyntax or YieldStatementSyntax => true,
        BlockSyntax inner => OnlyLeaves(inner),
        _ => false,
    });

    private static bool CatchesEverything(CatchClauseSyntax clause, SemanticModel model)
    {
        var type = clause.Declaration is null ? null : model.GetTypeInfo(clause.Declaration.Type).Type;
        var general = type is null || (type.Name is "Exception" or "SystemException" && type.ContainingNamespace?.Name == "System");
        return general && (clause.Filter is null || !NamesTypes(clause.Filter.FilterExpression));
    }

    // "when (e is IOException or SocketException)" is a list of types in another place; "is not" leaves nearly everything.
    private static bool NamesTypes(ExpressionSyntax filter) => filter switch
    {
        ParenthesizedExpressionSyntax parenthesized => NamesTypes(parenthesized.Expression),
        BinaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalAndExpression } and => NamesTypes(and.Left) || NamesTypes(and.Right),
        BinaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalOrExpression } or => NamesTypes(or.Left) && NamesTypes(or.Right),
        BinaryExpressionSyntax { RawKind: (int)SyntaxKind.IsExpression } => true,
        IsPatternExpressionSyntax pattern => NamesTypes(pattern.Pattern),
        _ => false,
    };

    private static bool NamesTypes(PatternSyntax pattern) => pattern switch
    {
        ParenthesizedPatternSyntax parenthesized => NamesTypes(parenthesized.Pattern),
        BinaryPatternSyntax { RawKind: (int)SyntaxKind.AndPattern } and => NamesTypes(and.Left) || NamesTypes(and.Right),
        BinaryPatternSyntax or => NamesTypes(or.Left) && NamesTypes(or.Right),
        DeclarationPatternSyntax or TypePatternSyntax or ConstantPatternSyntax => true,
        RecursivePatternSyntax recursive => recursive.Type is not null,
        _ => false,
    };

    private static bool Mentions(BlockSyntax block, ISymbol caught, SemanticModel model) =>
        block.DescendantNodes().OfType<IdentifierNameSyntax>().Any(n => n.Identifier.ValueText == caught.Name && SymbolEqualityComparer.Default.Equals(model.GetSymbolInfo(n).Symbol, caught));
}
