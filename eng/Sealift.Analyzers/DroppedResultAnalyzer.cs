using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Sealift.Analyzers;

/// <summary>SLA001 and SLA002: what says whether something was done, or how much of it, is used, or is discarded for a stated reason.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DroppedResultAnalyzer : DiagnosticAnalyzer
{
    private const string DropAdvice = "use it, or discard it with '_ =' and a comment that says why it does not matter";
    private const string TaskAdvice = "await it, return it or keep it, because what it throws would never be seen; or discard it with '_ =' and a comment that says why that is right";

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.DroppedResult, Rules.DiscardWithoutReason];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(start =>
        {
            var results = new MustUse(start.Compilation);
            start.RegisterOperationAction(c => CheckStatement(c, results), OperationKind.ExpressionStatement);
            start.RegisterOperationAction(c => CheckAssignment(c, results), OperationKind.SimpleAssignment, OperationKind.DeconstructionAssignment);
            start.RegisterOperationAction(c => CheckOutDiscards(c, results), OperationKind.Invocation);
            start.RegisterOperationBlockAction(c => CheckLocals(c, results));
        });
    }

    private static void CheckStatement(OperationAnalysisContext context, MustUse results)
    {
        var operation = ((IExpressionStatementOperation)context.Operation).Operation;
        if (operation is IAssignmentOperation) return;
        if (results.CallBehind(operation) is { } call)
            context.ReportDiagnostic(Diagnostic.Create(Rules.DroppedResult, operation.Syntax.GetLocation(), $"The result of {Name(call)} is dropped", DropAdvice));
        else if (MustUse.IsTask(operation.Type))
            context.ReportDiagnostic(Diagnostic.Create(Rules.DroppedResult, operation.Syntax.GetLocation(), "A task is dropped", TaskAdvice));
    }

    private static void CheckAssignment(OperationAnalysisContext context, MustUse results)
    {
        var assignment = (IAssignmentOperation)context.Operation;
        foreach (var value in Discarded(assignment.Target, assignment.Value)) RequireReason(context.ReportDiagnostic, results, value, assignment.Syntax);
    }

    private static IEnumerable<IOperation> Discarded(IOperation target, IOperation value)
    {
        if (target is ITupleOperation targets && WithoutConversions(value) is ITupleOperation values) return targets.Elements.Zip(values.Elements, Discarded).SelectMany(v => v);
        return Discards(target) ? [value] : [];
    }

    private static void CheckOutDiscards(OperationAnalysisContext context, MustUse results)
    {
        var call = (IInvocationOperation)context.Operation;
        foreach (var argument in call.Arguments)
        {
            if (argument.Parameter?.RefKind != RefKind.Out || argument.Value is not IDiscardOperation) continue;
            // An out parameter of such a call is a part of its answer. The framework's int.TryParse and its like give no such answers.
            if (results.MustBeUsed(call.TargetMethod) && !StatedReason.StandsAt(argument.Syntax))
                context.ReportDiagnostic(Diagnostic.Create(Rules.DiscardWithoutReason, argument.Syntax.GetLocation(), $"{Name(call.TargetMethod)} ('{argument.Parameter.Name}')"));
        }
    }

    /// <summary>A local is no better than a discard where nobody ever reads it.</summary>
    private static void CheckLocals(OperationBlockAnalysisContext context, MustUse results)
    {
        var operations = context.OperationBlocks.SelectMany(b => b.DescendantsAndSelf()).ToList();
        var read = new HashSet<ISymbol>(operations.OfType<ILocalReferenceOperation>().Where(r => !IsOverwritten(r)).Select(r => r.Local), SymbolEqualityComparer.Default);
        foreach (var declarator in operations.OfType<IVariableDeclaratorOperation>())
        {
            var value = declarator.Initializer?.Value ?? (declarator.Parent as IVariableDeclarationOperation)?.Initializer?.Value;
            if (value is null || read.Contains(declarator.Symbol) || IsUsing(declarator)) continue;
            if (IsDiscardName(declarator.Symbol.Name)) RequireReason(context.ReportDiagnostic, results, value, declarator.Syntax);
            else if (results.CallBehind(value) is { } call)
                context.ReportDiagnostic(Diagnostic.Create(Rules.DroppedResult, declarator.Syntax.GetLocation(), $"The result of {Name(call)} is kept in '{declarator.Symbol.Name}', which nobody reads", DropAdvice));
            else if (MustUse.IsTask(value.Type))
                context.ReportDiagnostic(Diagnostic.Create(Rules.DroppedResult, declarator.Syntax.GetLocation(), $"A task is kept in '{declarator.Symbol.Name}', which nobody reads", TaskAdvice));
        }
    }

    private static void RequireReason(Action<Diagnostic> report, MustUse results, IOperation value, SyntaxNode at)
    {
        var what = results.CallBehind(value) is { } call ? Name(call) : MustUse.IsTask(value.Type) ? "a task" : null;
        if (what is not null && !StatedReason.StandsAt(at)) report(Diagnostic.Create(Rules.DiscardWithoutReason, at.GetLocation(), what));
    }

    // A parameter or a local of the name _ turns "_ =" into an assignment to it, which is a discard to the reader all the same.
    private static bool Discards(IOperation target) => target switch
    {
        IDiscardOperation => true,
        ITupleOperation tuple => tuple.Elements.Any(Discards),
        IDeclarationExpressionOperation declaration => Discards(declaration.Expression),
        ILocalReferenceOperation local => IsDiscardName(local.Local.Name),
        IParameterReferenceOperation parameter => IsDiscardName(parameter.Parameter.Name),
        _ => false,
    };

    private static IOperation WithoutConversions(IOperation value) => value is IConversionOperation conversion ? WithoutConversions(conversion.Operand) : value;

    private static bool IsDiscardName(string name) => name.All(c => c == '_');

    private static bool IsOverwritten(ILocalReferenceOperation reference) => reference.Parent is ISimpleAssignmentOperation assignment && assignment.Target == reference;

    private static bool IsUsing(IOperation? operation)
    {
        for (; operation is not null and not IBlockOperation; operation = operation.Parent)
            if (operation is IUsingDeclarationOperation or IUsingOperation) return true;
        return false;
    }

    private static string Name(IMethodSymbol method) => $"{method.ContainingType?.Name}.{method.Name}";
}
