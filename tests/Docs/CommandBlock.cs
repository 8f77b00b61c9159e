using System.Globalization;
using System.Text.RegularExpressions;
using Markdig.Syntax;
using Sealift.Site;

namespace Sealift.Docs;

/// <summary>What stands in the line before a block of commands: whether a test runs it, or why none can.</summary>
internal abstract record CommandMark
{
    /// <summary>A test runs the block.</summary>
    /// <param name="Name">Blocks of one page with one name run in order, in one fresh directory.</param>
    /// <param name="ExitCode">How its last command ends; those before it end with 0.</param>
    /// <param name="WithMachine">Whether a machine that was migrated and sealed is in the directory before.</param>
    /// <param name="First">What runs before it and is not shown; empty for nothing.</param>
    internal sealed record Run(string Name, int ExitCode, bool WithMachine, string First) : CommandMark;

    /// <summary>No test runs the block.</summary>
    /// <param name="Reason">Why not.</param>
    internal sealed record NotRun(string Reason) : CommandMark;
}

/// <summary>A command as a page shows it.</summary>
/// <param name="Text">What is typed behind <c>$ </c>; more lines behind <c>&gt; </c>, or behind a line that ends with a backslash.</param>
/// <param name="Output">The lines below it.</param>
internal sealed record ShownCommand(string Text, IReadOnlyList<string> Output);

/// <summary>A fenced block that has commands for the reader.</summary>
/// <param name="Page">The page that it stands on.</param>
/// <param name="Line">Its line there, from 1.</param>
/// <param name="Language">What its fence is called; empty for nothing.</param>
/// <param name="Mark">What stands before it; null for nothing, or for what cannot be read.</param>
/// <param name="Commands">Its commands.</param>
internal sealed partial record CommandBlock(string Page, int Line, string Language, CommandMark? Mark, IReadOnlyList<ShownCommand> Commands)
{
    /// <summary>The blocks of a page that have commands: a line that begins with <c>$ </c>, or with a program of ours.</summary>
    public static IEnumerable<CommandBlock> Of(Page page)
    {
        foreach (var block in page.Document.Descendants<FencedCodeBlock>())
        {
            var lines = block.Lines.Lines.Take(block.Lines.Count).Select(l => l.Slice.ToString()).ToList();
            var language = block.Info ?? string.Empty;
            if (language != "console" && !lines.Any(l => Command().IsMatch(l))) continue;
            var before = block.Parent!.IndexOf(block) - 1;
            yield return new CommandBlock(page.Path, block.Line + 1, language, before < 0 ? null : MarkOf(block.Parent[before]), Shown(lines));
        }
    }

    private static CommandMark? MarkOf(Block block)
    {
        if (block is not HtmlBlock html) return null;
        var text = html.Lines.ToString().Trim();
        if (RunMark().Match(text) is { Success: true } run)
            return new CommandMark.Run(run.Groups["name"].Value, run.Groups["exit"].Success ? int.Parse(run.Groups["exit"].Value, CultureInfo.InvariantCulture) : 0, run.Groups["with"].Success, run.Groups["first"].Value);
        return NotRunMark().Match(text) is { Success: true } not ? new CommandMark.NotRun(not.Groups[1].Value) : null;
    }

    private static List<ShownCommand> Shown(List<string> lines)
    {
        var commands = new List<ShownCommand>();
        var (text, output) = (string.Empty, new List<string>());
        foreach (var line in lines)
        {
            if (line.StartsWith("$ ", StringComparison.Ordinal))
            {
                if (text.Length > 0) commands.Add(new ShownCommand(text, output));
                (text, output) = (line[2..], []);
            }
            else if (output.Count == 0 && text.EndsWith('\\'))
            {
                text += "\n" + line;
            }
            else if (output.Count == 0 && line.StartsWith("> ", StringComparison.Ordinal))
            {
                text += "\n" + line[2..];
            }
            else
            {
                output.Add(line);
            }
        }

        if (text.Length > 0) commands.Add(new ShownCommand(text, output));
        return commands;
    }

    [GeneratedRegex(@"^(\$ |sealift [a-z-]|(?:\./)?(?:out/sealift|bench/\w+|eng/\w+|demo|test)(?= |$)|\./\w+)")]
    private static partial Regex Command();

    [GeneratedRegex(@"^<!-- run: (?<name>[a-z0-9-]+)(?:, exit (?<exit>\d+))?(?<with>, with vms)?(?:, after `(?<first>[^`]+)`)? -->$")]
    private static partial Regex RunMark();

    [GeneratedRegex(@"^<!-- not run: (.{12,}) -->$")]
    private static partial Regex NotRunMark();
}
