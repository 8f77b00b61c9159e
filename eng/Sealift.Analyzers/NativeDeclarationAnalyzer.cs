using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Sealift.Analyzers;

/// <summary>
/// SLA004: native functions are declared where .editorconfig says <c>sealift_native_declarations = allowed</c>, one in a file, and
/// take open files as handles.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class NativeDeclarationAnalyzer : DiagnosticAnalyzer
{
    /// <summary>The option of .editorconfig.</summary>
    public const string Option = "sealift_native_declarations";

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.NativeDeclaration];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterSemanticModelAction(Check);
    }

    private static void Check(SemanticModelAnalysisContext context)
    {
        var model = context.SemanticModel;
        var root = model.SyntaxTree.GetRoot(context.CancellationToken);
        var options = context.Options.AnalyzerConfigOptionsProvider.GetOptions(model.SyntaxTree);
        var allowed = options.TryGetValue(Option, out var value) && value.Trim() == "allowed";
        var first = default(string);
        foreach (var node in root.DescendantNodes().Where(n => n is MethodDeclarationSyntax or LocalFunctionStatementSyntax))
        {
            if (model.GetDeclaredSymbol(node, context.CancellationToken) is not IMethodSymbol method || !NativeFunction.Is(method)) continue;
            var name = NativeFunction.Name(method);
            var at = node is MethodDeclarationSyntax declaration ? declaration.Identifier : ((LocalFunctionStatementSyntax)node).Identifier;
            if (!allowed) Report(at, $"{name} is declared outside of the native folders", $"declare it in Sealift.Posix/Native with a strict wrapper beside it, or allow its folder by {Option} in .editorconfig");
            if (first is null) first = name;
            else Report(at, $"{name} is declared in the file of {first}", "give it a file of its own, so that each call is found by its name");
            foreach (var parameter in method.Parameters)
                if (Descriptor.IsBare(name, parameter)) Report(at, $"{name} takes the open file '{parameter.Name}' as a number", "take a SafeHandle, which cannot be closed or reused meanwhile");
        }

        void Report(SyntaxToken at, string what, string advice) => context.ReportDiagnostic(Diagnostic.Create(Rules.NativeDeclaration, at.GetLocation(), what, advice));
    }
}
