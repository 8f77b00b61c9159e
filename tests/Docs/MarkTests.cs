using Sealift.Site;

namespace Sealift.Docs;

/// <summary>Every block of commands says whether a test runs it.</summary>
public sealed class MarkTests
{
    public static TheoryData<string> Pages => [.. Repository.Book.Pages.Select(p => p.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_of_commands_is_run_or_says_why_not(string page)
    {
        var wrong = Repository.CommandBlocks.Where(b => b.Page == page).Select(Fault).OfType<string>();
        Assert.Empty(wrong);
    }

    private static string? Fault(CommandBlock block)
    {
        var at = $"{block.Page}:{block.Line}: ";
        if (block.Language != "console") return at + "a block of commands begins with ```console";
        if (block.Commands.Count == 0) return at + "each command stands behind '$ '";
        return block.Mark is null ? at + "the line before it is neither <!-- run: NAME[, exit N][, with vms][, after `COMMANDS`] --> nor <!-- not run: REASON -->" : null;
    }
}
