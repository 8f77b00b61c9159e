using System.CommandLine;

namespace Sealift.Cli.Tests;

public sealed class CommandTreeTests
{
    private static readonly RootCommand Root = CommandTree.Build();

    public static TheoryData<string> Leaves => [.. AllCommands(Root).Where(c => c.Subcommands.Count == 0).Select(Path)];

    [Theory]
    [MemberData(nameof(Leaves))]
    public void Every_command_has_a_description_and_help_that_shows_its_examples(string path)
    {
        var command = AllCommands(Root).Single(c => Path(c) == path);
        Assert.False(string.IsNullOrWhiteSpace(command.Description));
        using var output = new StringWriter();
        Assert.Equal(0, Root.Parse($"{path} --help").Invoke(new InvocationConfiguration { Output = output }));
        foreach (var example in Examples.Of(command)) Assert.Contains(example, output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Leaves))]
    public void Every_example_is_a_command_line_that_parses(string path)
    {
        foreach (var example in Examples.Of(AllCommands(Root).Single(c => Path(c) == path)))
        {
            // Up to the first pipe or redirection, beginning with the word sealift.
            var start = example.IndexOf("sealift ", StringComparison.Ordinal);
            var line = example[(start + "sealift ".Length)..].Split(['|', '>', ')'])[0];
            Assert.Empty(Root.Parse(line).Errors);
        }
    }

    [Fact]
    public void The_manual_page_names_every_command_option_and_exit_code()
    {
        var page = ManualPage.Write(Root).Replace("\\-", "-", StringComparison.Ordinal);
        foreach (var command in AllCommands(Root).Where(c => c.Subcommands.Count == 0)) Assert.Contains($".SS \"{Path(command)}", page, StringComparison.Ordinal);
        foreach (var option in AllCommands(Root).SelectMany(c => c.Options)) Assert.Contains($"\\fB{option.Name}\\fR", page, StringComparison.Ordinal);
        foreach (var code in new[] { 0, 1, 2, 3, 4, 5, 6, 70 }) Assert.Contains($".B {code}\n", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("migrate")]
    [InlineData("migrate a.ova")]
    [InlineData("migrate a.ova --to /x --format vmdk")]
    [InlineData("migrate a.ova --to /x --cpus many")]
    [InlineData("hash a --digest crc32")]
    [InlineData("compare a")]
    [InlineData("compare a b --limit many")]
    [InlineData("compare a b --format-a floppy")]
    [InlineData("repair a --from b")]
    [InlineData("repair a --map b")]
    [InlineData("repair a --from b --map c --format vmdk")]
    [InlineData("copy a b --queue-depth many")]
    [InlineData("frobnicate")]
    [InlineData("completion csh")]
    public void A_wrong_command_line_is_told_and_nothing_runs(string line)
    {
        var parsed = Root.Parse(line);
        Assert.NotEmpty(parsed.Errors);
    }

    private static IEnumerable<Command> AllCommands(Command command) => command.Subcommands.SelectMany(AllCommands).Prepend(command);

    private static string Path(Command command) => command.Parents.FirstOrDefault() is Command parent and not null ? $"{Path(parent)} {command.Name}" : "sealift";
}
