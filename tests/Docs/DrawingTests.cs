using System.Text.RegularExpressions;
using Markdig.Syntax;

namespace Sealift.Docs;

/// <summary>What a drawing of the architecture calls by a name is in the code under this name.</summary>
public sealed partial class DrawingTests
{
    // What has no type: hashes, sets and the end of the chain of custody, formats, units, a flag of open(2).
    private static readonly HashSet<string> Others = ["S", "T", "D", "F", "Seal", "OVA", "MiB", "GiB", "O_DIRECT"];

    [Fact]
    public void Every_name_in_a_drawing_is_a_type()
    {
        var types = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(f => Declaration().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value))
            .ToHashSet();
        var drawings = Repository.Book.At("docs/ARCHITECTURE.md")!.Document.Descendants<FencedCodeBlock>().Select(b => b.Lines.ToString()).Where(t => t.Contains('─', StringComparison.Ordinal)).ToList();
        Assert.True(drawings.Count >= 2, $"{drawings.Count} drawings");
        var names = drawings.SelectMany(d => Name().Matches(d).Select(m => m.Value)).ToHashSet();
        Assert.Contains("BlockMap", names);
        Assert.Empty(names.Except(types).Except(Others));
        Assert.Empty(Others.Except(names)); // gone from the drawings
    }

    [GeneratedRegex(@"\b(?:class|struct|record|enum|interface) ([A-Z]\w*)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"(?<![\w-])[A-Z]\w*")]
    private static partial Regex Name();
}
