using Sealift.Site;

namespace Sealift.Docs;

/// <summary>How a page's blocks are read, and what counts as shown.</summary>
public sealed class CommandBlockTests
{
    [Fact]
    public void A_block_has_its_mark_its_commands_and_what_they_print()
    {
        var block = Assert.Single(CommandBlock.Of(Page.Parse("docs/x.md", "# X\n\n<!-- run: one, exit 5, with vms, after `touch a && touch b` -->\n```console\n$ sealift check a \\\n    --json\nfirst\n\n$ cat <<E >b\n> $ two\n> E\n…\n```\n")));
        Assert.Equal(4, block.Line);
        Assert.Equal(new CommandMark.Run("one", 5, true, "touch a && touch b"), block.Mark);
        Assert.Equal(["sealift check a \\\n    --json", "cat <<E >b\n$ two\nE"], block.Commands.Select(c => c.Text));
        Assert.Equal(["first", ""], block.Commands[0].Output);
        Assert.Equal(["…"], block.Commands[1].Output);
    }

    [Theory]
    [InlineData("<!-- run: One -->")]
    [InlineData("<!-- run: one, exit five -->")]
    [InlineData("<!-- run: one, after `` -->")]
    [InlineData("<!-- not run: -->")]
    [InlineData("<!-- not run: slow -->")]
    [InlineData("text")]
    [InlineData("<!-- run: one -->\n\ntext")]
    public void A_mark_that_says_nothing_is_none(string before)
    {
        var block = Assert.Single(CommandBlock.Of(Page.Parse("docs/x.md", $"{before}\n\n```\nsealift check a\n```\n")));
        Assert.Null(block.Mark);
    }

    [Theory]
    [InlineData("$ ls", true)]
    [InlineData("sealift list", true)]
    [InlineData("out/sealift list", true)]
    [InlineData("bench/run hash copy", true)]
    [InlineData("./demo    # builds", true)]
    [InlineData("sealift: SL4002: cannot read", false)]
    [InlineData("{\"event\":\"transfer\"}", false)]
    public void Whatever_a_reader_would_type_is_a_command(string line, bool isCommand) =>
        Assert.Equal(isCommand, CommandBlock.Of(Page.Parse("docs/x.md", $"```\n{line}\n```\n")).Any());

    [Theory]
    [InlineData("copied in 3 s", "copied in 1 min 10 s")]
    [InlineData("7c2620de…0a9a7  web01.vmdk", "772d646864936b7f146082ee8400ebeead95942022a91e55faa1a7deb2debe34  web01.vmdk")]
    [InlineData("261123-025949-tj3  sealed  2026-11-23 02:59  web01 -> /srv/vms", "261127-032520-pjb  sealed                    2026-11-27 03:25  web01 -> /srv/vms")]
    [InlineData("proven: a reads back (O_DIRECT…)", "proven: a reads back (O_DIRECT, past the cache)")]
    [InlineData("20.69 MiB of data", "21.02 MiB of data")]
    [InlineData("one\n…\nthree", "zero\none\ntwo\nthree\nfour")]
    public void What_differs_at_each_run_and_what_is_left_out_is_not_compared(string shown, string said) => Assert.Null(ShownOutput.Missing(shown.Split('\n'), said));

    [Theory]
    [InlineData("one\ntwo", "two\none", "two")]
    [InlineData("one\none", "one", "one")]
    [InlineData("128 MiB", "129 MiB", "128 MiB")]
    [InlineData("differ: 6 bytes in 2 ranges", "differ: 6 bytes in 3 ranges", "differ: 6 bytes in 2 ranges")]
    [InlineData("verdict: proven", "verdict: proven: x", "verdict: proven")]
    [InlineData("sealed: … holds", "sealed: every claim holds not", "sealed: … holds")]
    public void What_was_not_said_is_missing(string shown, string said, string missing) => Assert.Equal(missing, ShownOutput.Missing(shown.Split('\n'), said));
}
