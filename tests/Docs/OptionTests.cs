using System.Text.RegularExpressions;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Sealift.Posix;
using Sealift.Site;

namespace Sealift.Docs;

/// <summary>Every option that a page names behind a command is one of that command's.</summary>
public sealed partial class OptionTests
{
    private static readonly Dictionary<string, Help> Known = [];

    public static TheoryData<string> Pages => [.. Repository.Book.Pages.Select(p => p.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_option_of_a_command_exists(string path)
    {
        var wrong = new List<string>();
        foreach (var text in Texts(Repository.Book.At(path)!)) wrong.AddRange(await FaultsAsync(text));
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("sealift migrate web01.ova --to /srv/vms --dry-run")]
    [InlineData("PATH=x out/sealift plan run NAME --detach # or --cutover-everything")]
    [InlineData("sealift copy --map M a b && strace --follow-forks x")]
    [InlineData("sealift compare a b | sort --unique", "--unique")]
    [InlineData("sealift migrate --dryrun", "--dryrun")]
    [InlineData("plan run --detached", "--detached")]
    [InlineData("qemu-img convert --frobnicate")]
    public async Task An_option_that_is_none_is_found(string text, params string[] options)
    {
        // A pipe ends a command: what stands behind it is another program's.
        var expected = text.Contains('|', StringComparison.Ordinal) ? [] : options;
        Assert.Equal(expected, (await FaultsAsync(text)).Select(f => f.Split(' ')[0]));
    }

    private static IEnumerable<string> Texts(Page page) =>
        CommandBlock.Of(page).SelectMany(b => b.Commands).Select(c => c.Text.Replace("\\\n", " ", StringComparison.Ordinal))
            .Concat(page.Document.Descendants<CodeInline>().Select(c => c.Content));

    private static async Task<List<string>> FaultsAsync(string text)
    {
        var faults = new List<string>();
        foreach (var command in Separator().Split(Comment().Replace(text, string.Empty)))
        {
            var words = command.Split([' ', '[', ']', '(', ')', '\'', '"', ',', '\n'], StringSplitOptions.RemoveEmptyEntries).ToList();
            var start = words.FindIndex(w => w is "sealift" or "out/sealift");
            var root = await HelpAsync(string.Empty);
            if (start < 0 && (words.Count == 0 || !root.Commands.Contains(words[0]))) continue;
            var (path, help) = (string.Empty, root);
            var at = start + 1;
            while (at < words.Count && help.Commands.Contains(words[at]))
            {
                path = $"{path} {words[at++]}".Trim();
                help = await HelpAsync(path);
            }

            faults.AddRange(words.Skip(at).Select(w => OptionName().Match(w)).Where(m => m.Success && !help.Options.Contains(m.Value)).Select(m => $"{m.Value} is no option of sealift {path}: {text}"));
        }

        return faults;
    }

    private sealed record Help(HashSet<string> Commands, HashSet<string> Options);

    private static async Task<Help> HelpAsync(string path)
    {
        if (Known.TryGetValue(path, out var known)) return known;
        var said = await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Repository.Root, "out", "sealift"), [.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]), TestContext.Current.CancellationToken);
        var (commands, options, part) = (new HashSet<string>(), new HashSet<string>(), string.Empty);
        foreach (var line in said.Output.Split('\n'))
        {
            if (line.Length > 0 && line[0] != ' ') part = line;
            else if (part == "Commands:" && Entry().Match(line) is { Success: true } entry) commands.Add(entry.Groups[1].Value);
            else if (part == "Options:") options.UnionWith(OptionNames().Matches(line.Length > 3 ? line[2..].Split("  ")[0] : string.Empty).Select(m => m.Value));
        }

        return Known[path] = new Help(commands, options);
    }

    [GeneratedRegex(@"\s(?:&&|;|\||>|#)\s?|;")]
    private static partial Regex Separator();

    [GeneratedRegex(@"\s#\s.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^--[a-z][a-z-]*[a-z]")]
    private static partial Regex OptionName();

    [GeneratedRegex(@"--[a-z][a-z-]*[a-z]")]
    private static partial Regex OptionNames();

    [GeneratedRegex(@"^  ([a-z-]+)")]
    private static partial Regex Entry();
}
