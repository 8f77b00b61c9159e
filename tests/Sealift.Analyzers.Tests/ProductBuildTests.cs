using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.Analyzers.Tests;

/// <summary>The rules are in force where the product is built: neither skipped by the compiler nor switched off.</summary>
public sealed partial class ProductBuildTests
{
#if DEBUG
    private const string Configuration = "Debug";
#else
    private const string Configuration = "Release";
#endif

    private static readonly string Repository = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    [Fact]
    public async Task The_analyzer_is_not_built_for_a_newer_compiler_than_the_sdk_has()
    {
        var cancel = TestContext.Current.CancellationToken;
        var sdks = await ChildProcess.RunAsync(new ChildCommand("dotnet", "--list-sdks"), cancel);
        var version = (await ChildProcess.RunAsync(new ChildCommand("dotnet", "--version") { WorkingDirectory = Repository }, cancel)).Output.Trim();
        var place = sdks.Output.Split('\n').Select(l => SdkLine().Match(l)).Single(m => m.Groups[1].Value == version).Groups[2].Value;
        var compiler = System.Reflection.AssemblyName.GetAssemblyName(Path.Combine(place, version, "Roslyn", "bincore", "Microsoft.CodeAnalysis.dll")).Version;
        var builtFor = typeof(Rules).Assembly.GetReferencedAssemblies().Single(a => a.Name == "Microsoft.CodeAnalysis").Version;
        Assert.True(builtFor <= compiler, $"built for {builtFor}, which the compiler {compiler} of SDK {version} skips with no more than a warning");
    }

    [Fact]
    public async Task A_project_of_the_product_that_breaks_the_rules_does_not_build()
    {
        var directory = Directory.CreateTempSubdirectory("sealift-analyzers-").FullName;
        try
        {
            foreach (var name in (string[])["Directory.Build.props", "Directory.Packages.props"])
                File.WriteAllText(Path.Combine(directory, name), $"<Project><Import Project=\"{Path.Combine(Repository, name)}\" /></Project>");
            File.WriteAllText(Path.Combine(directory, "Violations.csproj"), """
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <RestorePackagesWithLockFile>false</RestorePackagesWithLockFile>
                    <RestoreLockedMode>false</RestoreLockedMode>
                  </PropertyGroup>
                </Project>
                """);
            File.WriteAllText(Path.Combine(directory, "Violations.cs"), """
                using System.Runtime.InteropServices;

                namespace Violations;

                internal static class Sample
                {
                    [DllImport("libc")] private static extern int fsync(SafeHandle file);
                    internal static void Drop(SafeHandle file) { fsync(file); }
                    internal static void Discard(SafeHandle file) { _ = fsync(file); }
                    internal static void Swallow() { try { Discard(null!); } catch (IOException) { } }
                    internal static void Write(string path) { File.WriteAllText(path, string.Empty); }
                }
                """);
            var build = await ChildProcess.RunAsync(
                // No compiler or build server may stay behind; and the analyzer that is tested here is the one that was built with these tests.
                new ChildCommand("dotnet", "build", "-c", Configuration, "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false", "-p:BuildProjectReferences=false")
                {
                    WorkingDirectory = directory,
                    AcceptedExitCodes = [0, 1],
                    Environment = new Dictionary<string, string?> { ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_NOLOGO"] = "1", ["MSBUILDDISABLENODEREUSE"] = "1" },
                },
                TestContext.Current.CancellationToken);
            Assert.True(build.ExitCode == 1 && build.Output.Contains("error SLA", StringComparison.Ordinal), build.Output);
            var errors = ErrorLine().Matches(build.Output).Select(m => $"{m.Groups[2].Value} at line {m.Groups[1].Value}").Distinct().Order(StringComparer.Ordinal);
            Assert.Equal(["RS0030 at line 11", "SLA001 at line 8", "SLA002 at line 9", "SLA003 at line 10", "SLA004 at line 7"], errors);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void Every_project_under_src_and_bench_has_the_analyzer_and_none_switches_it_off()
    {
        var projects = Files("*.csproj").ToList();
        Assert.NotEmpty(projects);
        Assert.All(projects, p => Assert.DoesNotContain("SLA0", File.ReadAllText(p), StringComparison.Ordinal));
        // What comes with the SDK's projects by itself comes from here; a Directory.Build.props nearer by would replace it.
        Assert.Empty(Files("Directory.Build.props").Concat(Files("Directory.Packages.props")).Concat(Files(".editorconfig")).Concat(Files("*.globalconfig")));
        Assert.DoesNotContain("SLA0", File.ReadAllText(Path.Combine(Repository, "Directory.Build.props")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_is_switched_off_in_a_place_only_and_for_a_stated_reason()
    {
        var sources = Files("*.cs").ToList();
        Assert.NotEmpty(sources);
        foreach (var source in sources)
        {
            foreach (var (line, number) in File.ReadLines(source).Select((l, i) => (l, i + 1)))
            {
                if (!Suppression().IsMatch(line)) continue;
                Assert.True(Reasoned().IsMatch(line), $"{source}:{number} switches a rule off without a reason: {line.Trim()}");
            }

            var text = File.ReadAllText(source);
            Assert.Equal(DisablePragma().Count(text), RestorePragma().Count(text));
            Assert.DoesNotMatch(SuppressionAttribute(), text);
        }
    }

    [Fact]
    public void Where_editorconfig_switches_a_rule_off_it_says_why()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository, ".editorconfig"));
        var switches = Enumerable.Range(0, lines.Length).Where(i => lines[i].StartsWith("dotnet_diagnostic.SLA", StringComparison.Ordinal)).ToList();
        Assert.All(switches, i => Assert.StartsWith("# ", lines[i - 1], StringComparison.Ordinal));
        // And only for files that it names: a section with a pattern would let more through than was looked at.
        Assert.All(switches, i => Assert.Matches(@"^\[src/[^*?{}\[\]]+\.cs\]$", lines[..i].Last(l => l.StartsWith('['))));
    }

    private static IEnumerable<string> Files(string pattern) => ((string[])["src", "bench"])
        .SelectMany(d => Directory.EnumerateFiles(Path.Combine(Repository, d), pattern, SearchOption.AllDirectories))
        .Where(f => !Path.GetRelativePath(Repository, f).Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"));

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"^(\S+) \[(.+)\]$")]
    private static partial Regex SdkLine();

    [GeneratedRegex(@"Violations\.cs\((\d+),\d+\): error ((?:SLA|RS)\d+)")]
    private static partial Regex ErrorLine();

    [GeneratedRegex(@"#pragma warning disable .*\b(SLA\d{3}|RS0030)\b")]
    private static partial Regex Suppression();

    [GeneratedRegex(@"#pragma warning disable (SLA\d{3}|RS0030) // \S+( \S+){2,}")]
    private static partial Regex Reasoned();

    [GeneratedRegex(@"#pragma warning disable .*\b(SLA\d{3}|RS0030)\b")]
    private static partial Regex DisablePragma();

    [GeneratedRegex(@"#pragma warning restore .*\b(SLA\d{3}|RS0030)\b")]
    private static partial Regex RestorePragma();

    [GeneratedRegex(@"SuppressMessage\([^)]*(SLA\d{3}|RS0030)")]
    private static partial Regex SuppressionAttribute();
}
