using Microsoft.CodeAnalysis;

namespace Sealift.Analyzers;

/// <summary>A method that is declared here and implemented in a native library: DllImport or LibraryImport.</summary>
internal static class NativeFunction
{
    private static readonly string[] Attributes = ["DllImportAttribute", "LibraryImportAttribute"];

    public static bool Is(IMethodSymbol method) => Attribute(method) is not null || method.GetDllImportData() is not null;

    /// <summary>The name that the library knows it by.</summary>
    public static string Name(IMethodSymbol method)
    {
        var named = Attribute(method)?.NamedArguments.FirstOrDefault(a => a.Key == "EntryPoint").Value.Value as string;
        return named ?? method.GetDllImportData()?.EntryPointName ?? method.Name;
    }

    private static AttributeData? Attribute(IMethodSymbol method) =>
        method.GetAttributes().FirstOrDefault(a => Attributes.Contains(a.AttributeClass?.Name) && a.AttributeClass?.ContainingNamespace.ToDisplayString() == "System.Runtime.InteropServices");
}
