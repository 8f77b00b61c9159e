using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace Sealift.Bench.Mutation;

/// <summary>A project as its own build compiles it: the same sources, references, options and generators.</summary>
internal sealed class CompilerCall : IAnalyzerAssemblyLoader
{
    /// <summary>Asks MSBuild for the compiler's command line, and compiles from it what the generators add.</summary>
    /// <exception cref="InvalidOperationException">The project does not build as it is.</exception>
    public static async Task<CSharpCompilation> ReadAsync(string project, CancellationToken cancel)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(project))!;
        var answer = await Command.RunAsync(
            "dotnet",
            ["msbuild", project, "-t:Compile", "-p:Configuration=Release", "-p:ProvideCommandLineArgs=true", "-p:SkipCompilerExecution=true", "-p:NonExistentFile=nowhere/nothing", "-getItem:CscCommandLineArgs"],
            cancel);
        using var json = JsonDocument.Parse(answer);
        var arguments = json.RootElement.GetProperty("Items").GetProperty("CscCommandLineArgs").EnumerateArray().Select(item => item.GetProperty("Identity").GetString()!).ToArray();
        var call = CSharpCommandLineParser.Default.Parse(arguments, directory, sdkDirectory: null);
        var trees = call.SourceFiles.Select(file => CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(file.Path), System.Text.Encoding.UTF8), call.ParseOptions, file.Path));
        var references = call.MetadataReferences.Select(reference => MetadataReference.CreateFromFile(Path.Combine(directory, reference.Reference), reference.Properties));
        var options = call.CompilationOptions
            .WithGeneralDiagnosticOption(ReportDiagnostic.Suppress) // warnings are the build's business
            .WithSpecificDiagnosticOptions(ImmutableDictionary<string, ReportDiagnostic>.Empty);
        var compilation = CSharpCompilation.Create(call.CompilationName, trees, references, options);

        var loader = new CompilerCall();
        var generators = call.AnalyzerReferences
            .Where(reference => reference.FilePath.Contains("Microsoft.NETCore.App.Ref", StringComparison.Ordinal))
            .SelectMany(reference => new AnalyzerFileReference(Path.GetFullPath(reference.FilePath, directory), loader).GetGenerators(LanguageNames.CSharp));
        _ = CSharpGeneratorDriver.Create(generators, parseOptions: call.ParseOptions).RunGeneratorsAndUpdateCompilation(compilation, out var generated, out _, cancel);
        var errors = generated.GetDiagnostics(cancel).Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
        if (errors.Count > 0) throw new InvalidOperationException($"{project} does not compile unchanged: {errors[0]}");
        return (CSharpCompilation)generated;
    }

    /// <inheritdoc/>
    public void AddDependencyLocation(string fullPath)
    {
        // What a generator needs lies beside it, where LoadFrom looks.
    }

    /// <inheritdoc/>
    public Assembly LoadFromPath(string fullPath) => Assembly.LoadFrom(fullPath);
}
