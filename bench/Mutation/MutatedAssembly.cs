using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Sealift.Bench.Mutation;

/// <summary>A project with all of its mutants in one assembly.</summary>
/// <param name="Name">The assembly's name.</param>
/// <param name="Mutants">Those that compile.</param>
/// <param name="Rejected">How many changes the compiler does not accept; they are no mutants.</param>
/// <param name="Image">The assembly.</param>
internal sealed record MutatedAssembly(string Name, IReadOnlyList<Mutant> Mutants, int Rejected, byte[] Image)
{
    /// <summary>Finds the mutants, sorts out what does not compile, and compiles the rest.</summary>
    public static MutatedAssembly Build(CSharpCompilation compilation, string directory, string repository, Func<string, bool> includes)
    {
        var id = 0;
        var files = new Dictionary<SyntaxTree, SemanticModel>();
        var mutants = new List<Mutant>();
        foreach (var tree in compilation.SyntaxTrees.Where(tree => Path.IsPathRooted(tree.FilePath) && includes(Path.GetRelativePath(directory, tree.FilePath))).OrderBy(tree => tree.FilePath, StringComparer.Ordinal))
        {
            var model = files[tree] = compilation.GetSemanticModel(tree);
            mutants.AddRange(MutantFinder.Find(model, Path.GetRelativePath(repository, tree.FilePath), () => id++));
        }

        foreach (var alike in mutants.GroupBy(m => m.Key).ToList())
        {
            var occurrence = 0;
            foreach (var mutant in alike) mutant.Occurrence = ++occurrence;
        }

        var source = CSharpSyntaxTree.ParseText(MutantSwitch.Source, (CSharpParseOptions)compilation.SyntaxTrees[0].Options, "MutantSwitch.cs");
        var builder = new Attempt(compilation.AddSyntaxTrees(source), files);
        var rejected = SortOut(builder, mutants);
        var kept = mutants.Where(m => !rejected.Contains(m)).ToList();
        return new MutatedAssembly(compilation.AssemblyName!, kept, rejected.Count, builder.Emit(kept));
    }

    /// <summary>
    /// All at once first. Where a member does not compile, its mutants are tried one by one: a pattern variable that is used after a
    /// condition forbids that the condition always holds, and the error is reported where the variable is used.
    /// </summary>
    private static HashSet<Mutant> SortOut(Attempt attempt, List<Mutant> mutants)
    {
        var rejected = new HashSet<Mutant>();
        var faulty = attempt.FaultyMembers(mutants);
        var suspects = mutants.Where(m => faulty.Contains((m.File, m.Member))).GroupBy(m => (m.File, m.Member)).Select(g => g.ToArray()).ToList();
        for (var round = 0; suspects.Any(s => s.Length > round); round++)
        {
            var tried = suspects.Where(s => s.Length > round).Select(s => s[round]).ToList();
            var broken = attempt.FaultyMembers(tried);
            rejected.UnionWith(tried.Where(m => broken.Contains((m.File, m.Member))));
        }

        // Two that each compile may not compile together: then the conditions that declare variables are left out.
        var together = attempt.FaultyMembers(mutants.Where(m => !rejected.Contains(m)));
        rejected.UnionWith(mutants.Where(m => together.Contains((m.File, m.Member)) && m.Form is Form.True or Form.False && m.Before.Contains(" is ", StringComparison.Ordinal)));
        return rejected;
    }

    private sealed class Attempt(CSharpCompilation compilation, Dictionary<SyntaxTree, SemanticModel> files)
    {
        public HashSet<(string File, int Member)> FaultyMembers(IEnumerable<Mutant> mutants)
        {
            var chosen = mutants.ToLookup(m => m.Node.SyntaxTree);
            var attempt = Replaced(chosen, out var built);
            var faulty = new HashSet<(string, int)>();
            foreach (var error in attempt.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error))
            {
                var tree = error.Location.SourceTree;
                if (tree is null || !built.TryGetValue(tree, out var original)) throw new InvalidOperationException($"the mutated project does not compile, and no mutant is the reason: {error}");
                var root = tree.GetRoot();
                var node = root.FindNode(error.Location.SourceSpan);
                var all = MutantFinder.Members(root).ToList();
                var member = node.AncestorsAndSelf().Select(ancestor => all.IndexOf(ancestor)).First(index => index >= 0);
                var file = chosen[original].Select(m => m.File).First();
                faulty.Add((file, member));
            }

            return faulty;
        }

        public byte[] Emit(IEnumerable<Mutant> mutants)
        {
            using var image = new MemoryStream();
            var result = Replaced(mutants.ToLookup(m => m.Node.SyntaxTree), out _).Emit(image);
            if (!result.Success) throw new InvalidOperationException($"the mutants do not compile together: {result.Diagnostics.First(d => d.Severity == DiagnosticSeverity.Error)}");
            return image.ToArray();
        }

        private CSharpCompilation Replaced(ILookup<SyntaxTree, Mutant> chosen, out Dictionary<SyntaxTree, SyntaxTree> built)
        {
            var result = compilation;
            built = [];
            foreach (var mutants in chosen)
            {
                var tree = MutantBuilder.Build(files[mutants.Key], mutants);
                // Parsed once more: what was put together from texts has the structure that the compiler would see.
                tree = CSharpSyntaxTree.ParseText(tree.GetText(), (CSharpParseOptions)tree.Options, tree.FilePath);
                built.Add(tree, mutants.Key);
                result = result.ReplaceSyntaxTree(mutants.Key, tree);
            }

            return result;
        }
    }
}
