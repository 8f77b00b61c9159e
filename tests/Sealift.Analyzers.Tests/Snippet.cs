using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Sealift.Analyzers.Tests;

/// <summary>
/// A piece of C# with its expected errors in it: <c>/*SLA001*/</c> on a line says that this line has that error. It is compiled
/// against the framework and the real Sealift.Posix; whatever else the compiler says about it fails the test.
/// </summary>
internal static partial class Snippet
{
    private const string Usings = """
        using System; using System.Collections.Generic; using System.Diagnostics; using System.IO; using System.Linq; using System.Net.Http; using System.Net.Sockets;
        using System.Runtime.InteropServices; using System.Threading; using System.Threading.Tasks; using Sealift.Posix;

        """;

    private static readonly ImmutableArray<MetadataReference> References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p))];

    /// <summary>Checks statements, in a method that has what they talk about as parameters.</summary>
    public static Task CheckStatementsAsync(string statements) => CheckAsync(
        "partial class C { async Task<int> M(Stream stream, byte[] buffer, Socket socket, TextReader text, Process process, HttpClient http, HttpRequestMessage request, "
        + "ChildCommand command, PosixFile file, SemaphoreSlim turn, string path, bool yes, CancellationToken cancel) { await Task.Yield();\n" + statements + "\nreturn 0; } }");

    /// <summary>Checks a whole file.</summary>
    /// <param name="source">The file, without using directives.</param>
    /// <param name="nativeAllowed">What .editorconfig would say about its folder.</param>
    public static async Task CheckAsync(string source, bool nativeAllowed = true)
    {
        var text = Usings + source;
        var expected = text.Split('\n').SelectMany((line, i) => Marker().Matches(line).Select(m => $"{m.Value[2..^2]} at line {i + 1}: {line.Trim()}")).ToList();
        // Without the markers: they are comments, and comments can be reasons.
        var actual = (await DiagnosticsAsync(Marker().Replace(text, string.Empty), nativeAllowed)).Select(d => $"{d.Id} at line {LineOf(d) + 1}: {text.Split('\n')[LineOf(d)].Trim()}").Order(StringComparer.Ordinal);
        Assert.Equal(expected.Order(StringComparer.Ordinal), actual);
    }

    /// <summary>What the analyzers say about a whole file.</summary>
    public static async Task<IReadOnlyList<Diagnostic>> DiagnosticsAsync(string text, bool nativeAllowed)
    {
        var tree = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Latest), path: "Snippet.cs", cancellationToken: TestContext.Current.CancellationToken);
        var compilation = CSharpCompilation.Create("Snippet", [tree], References, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        // CS8795: the other half of a LibraryImport is made by a generator that does not run here.
        Assert.Empty(compilation.GetDiagnostics(TestContext.Current.CancellationToken).Where(d => d.Severity == DiagnosticSeverity.Error && d.Id != "CS8795"));
        ImmutableArray<DiagnosticAnalyzer> analyzers = [new DroppedResultAnalyzer(), new CatchDecisionAnalyzer(), new NativeDeclarationAnalyzer()];
        var found = await compilation
            .WithAnalyzers(analyzers, new CompilationWithAnalyzersOptions(new AnalyzerOptions([], new FolderOptions(nativeAllowed)), OnCrash, concurrentAnalysis: true, logAnalyzerExecutionTime: false))
            .GetAnalyzerDiagnosticsAsync(TestContext.Current.CancellationToken);
        Assert.All(found, d => Assert.Equal(DiagnosticSeverity.Error, d.Severity));
        return found;
    }

    private static int LineOf(Diagnostic d) => d.Location.GetLineSpan().StartLinePosition.Line;

    [DoesNotReturn]
    private static void OnCrash(Exception e, DiagnosticAnalyzer analyzer, Diagnostic diagnostic) => throw new InvalidOperationException($"{analyzer} crashed", e);

    [GeneratedRegex(@"/\*SLA\d{3}\*/")]
    private static partial Regex Marker();

    private sealed class FolderOptions(bool nativeAllowed) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions { get; } = new Options(false);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new Options(nativeAllowed);

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => GlobalOptions;

        private sealed class Options(bool allowed) : AnalyzerConfigOptions
        {
            public override bool TryGetValue(string key, [NotNullWhen(true)] out string? value)
            {
                value = allowed && key == NativeDeclarationAnalyzer.Option ? "allowed" : null;
                return value is not null;
            }
        }
    }
}
