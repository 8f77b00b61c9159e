using Microsoft.CodeAnalysis;

namespace Sealift.Analyzers;

/// <summary>The rules, as docs/analyzers.md explains them. Each is an error by itself, whatever a project says about warnings.</summary>
public static class Rules
{
    /// <summary>A result that says whether, or how much of, something was done is dropped; or a task is.</summary>
    public static readonly DiagnosticDescriptor DroppedResult = Rule("SLA001", "A result is dropped", "{0}: {1}");

    /// <summary>Such a result is discarded on purpose, and nothing says why.</summary>
    public static readonly DiagnosticDescriptor DiscardWithoutReason = Rule(
        "SLA002",
        "A result is discarded without a reason",
        "The result of {0} is discarded without a reason: use it, or say in a comment on this line or the one above why it does not matter");

    /// <summary>An exception is caught, and nothing is decided.</summary>
    public static readonly DiagnosticDescriptor CatchWithoutDecision = Rule("SLA003", "An exception is caught without a decision", "{0}");

    /// <summary>A native function is declared in the wrong place, or in a way that lets mistakes through.</summary>
    public static readonly DiagnosticDescriptor NativeDeclaration = Rule("SLA004", "A native function is declared in the wrong place or form", "{0}: {1}");

    private static DiagnosticDescriptor Rule(string id, string title, string message) =>
        new(id, title, message, "Integrity", DiagnosticSeverity.Error, isEnabledByDefault: true, helpLinkUri: "docs/analyzers.md#" + id.ToLowerInvariant());
}
