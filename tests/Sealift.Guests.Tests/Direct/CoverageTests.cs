using Sealift.Guests.Direct;

namespace Sealift.Guests.Tests.Direct;

/// <summary>docs/checks.md says what the code does.</summary>
public sealed class CoverageTests
{
    [Fact]
    public void The_table_lists_what_checks_each_type_of_content()
    {
        var page = File.ReadAllLines(Path.Combine(Rigs.Repository, "docs", "checks.md"));
        var table = page.SkipWhile(l => l != "| content | direct | appliance |").Skip(2).TakeWhile(l => l.StartsWith('|')).Select(l => l.Split('|').Select(c => c.Trim()).ToArray()).ToList();
        Assert.Equal(Coverage.All.Select(c => $"`{c.Type}` {c.Direct} {c.Appliance}"), table.Select(c => $"{c[1]} {c[2]} {c[3]}"));
    }

    [Fact]
    public void Each_type_that_a_checker_covers_is_one_that_is_found() =>
        Assert.Empty(GuestExamination.Checks.SelectMany(c => c.Types).Concat(DirectExamination.OwnTypes).Concat(DirectExamination.HeaderOnlyTypes).Except(ContentProbe.Types));
}
