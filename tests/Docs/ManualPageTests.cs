using Sealift.Posix;
using Sealift.Site;

namespace Sealift.Docs;

/// <summary>The manual pages that are made of pages: man(1) has nothing against them, and nothing is lost on the way.</summary>
public sealed class ManualPageTests(BuiltSite site)
{
    public static TheoryData<string, string, int> Topics => [.. ManualPage.Topics.Select(t => (t.Path, t.Name, t.Section))];

    [Theory]
    [MemberData(nameof(Topics))]
    public async Task It_is_shown_without_a_warning_and_has_every_heading(string path, string name, int section)
    {
        var file = Path.Combine(site.Manual, $"{name}.{section}");
        var command = new ChildCommand("man", "--warnings=w", "-E", "UTF-8", "-l", file) { StartsOthers = true, Environment = new Dictionary<string, string?> { ["MANWIDTH"] = "100", ["MANPAGER"] = "cat", ["MANROFFOPT"] = "-c" } };
        var shown = await ChildProcess.RunAsync(command, TestContext.Current.CancellationToken);
        Assert.Equal(string.Empty, shown.ErrorTail);
        var words = string.Join(' ', shown.Output.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries));
        var page = Repository.Book.At(path)!;
        foreach (var place in SearchIndex.Places(page)) Assert.Contains(place.Heading == page.Title ? name : place.Heading, words, StringComparison.OrdinalIgnoreCase);
        // As whatis(1) and apropos(1) read it.
        var known = await ChildProcess.RunAsync(new ChildCommand("lexgrog", file), TestContext.Current.CancellationToken);
        Assert.Contains($"\"{name} - ", known.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task That_of_the_command_is_shown_without_a_warning()
    {
        var file = Path.Combine(site.Manual, "sealift.1");
        var text = await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Repository.Root, "out", "sealift"), "man"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(file, text.Output, TestContext.Current.CancellationToken);
        var shown = await ChildProcess.RunAsync(new ChildCommand("man", "--warnings=w", "-E", "UTF-8", "-l", file) { StartsOthers = true }, TestContext.Current.CancellationToken);
        Assert.Equal(string.Empty, shown.ErrorTail);
        foreach (var (_, name, section, _) in ManualPage.Topics) Assert.Contains($"{name}({section})", shown.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_troff_would_take_for_its_own_is_text()
    {
        var page = ManualPage.Of(Page.Parse("docs/x.md", "# X\n\n.so /etc/passwd\n\n'quoted' first, a\\b, `--option`, *not* <https://example.com>\n\n```\n.de code\n```\n\n| a | b |\n|---|---|\n| .x | 'y |\n"), "x", 7, "V", "about x");
        Assert.DoesNotContain("\n.so", page, StringComparison.Ordinal);
        Assert.Contains("\n\\&.so /etc/passwd\n", page, StringComparison.Ordinal);
        Assert.Contains("\n\\&'quoted' first, a\\eb, \\fB\\-\\-option\\fR, \\fInot\\fR https://example.com\n", page, StringComparison.Ordinal);
        Assert.Contains("\n\\&.de code\n", page, StringComparison.Ordinal);
        Assert.Contains(".TP\n\\fB.x\\fR\n\\&'y\n", page, StringComparison.Ordinal);
    }
}
