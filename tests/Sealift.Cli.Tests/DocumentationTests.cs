using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Sealift.Cli.Tests;

/// <summary>The pages say what the code does: codes and exit codes. What its links and commands do is looked at by tests/Docs.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Repository = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    public static TheoryData<string> Pages =>
    [
        "README.md",
        .. Directory.EnumerateFiles(Path.Combine(Repository, "docs"), "*.md", SearchOption.AllDirectories).Select(p => Path.GetRelativePath(Repository, p)).Order(StringComparer.Ordinal),
    ];

    [Fact]
    public void Every_error_code_of_the_source_is_documented_and_no_other()
    {
        var inSource = Directory.EnumerateFiles(Path.Combine(Repository, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(f => QuotedCode().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value))
            .ToHashSet();
        var rows = DocumentedCode().Matches(Read("docs/errors.md")).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(inSource);
        Assert.Empty(inSource.Except(rows).Order(StringComparer.Ordinal)); // in the source, and missing in docs/errors.md
        Assert.Empty(rows.Except(inSource).Order(StringComparer.Ordinal)); // in docs/errors.md, and nowhere in the source
        Assert.Equal(rows.Count, rows.Distinct().Count());
        Assert.Equal(rows.Order(StringComparer.Ordinal), rows);
    }

    [Fact]
    public void The_page_of_exit_codes_lists_exactly_those_that_exist()
    {
        var inCode = typeof(ExitCode).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (int)f.GetRawConstantValue()!).Order();
        var rows = ExitCodeRow().Matches(Read("docs/exit-codes.md")).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));
        Assert.Equal(inCode, rows);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void No_page_names_a_place_that_only_one_machine_has(string page) =>
        Assert.Empty(MachinePath().Matches(Read(page)).Select(m => m.Value));

    [Fact]
    public void The_index_lists_every_page()
    {
        var index = Read("docs/README.md");
        foreach (var row in Pages)
        {
            var page = row.Data;
            if (page is "README.md" or "docs/README.md") continue;
            Assert.Contains($"]({page["docs/".Length..]})", index, StringComparison.Ordinal);
        }
    }

    private static string Read(string page) => File.ReadAllText(Path.Combine(Repository, page));

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex("\"(SL\\d{4})\"")]
    private static partial Regex QuotedCode();

    [GeneratedRegex(@"^\| (SL\d{4}) \|", RegexOptions.Multiline)]
    private static partial Regex DocumentedCode();

    [GeneratedRegex(@"^\| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex ExitCodeRow();

    // Absolute paths of whoever wrote the page; /srv and /var stand for the reader's own.
    [GeneratedRegex(@"(?<![\w.~-])/(?:work|root|home|tmp)/[\w./-]+")]
    private static partial Regex MachinePath();
}
