using System.Globalization;

namespace Sealift.Docs;

/// <summary>The figures of docs/integrity/comparison.md are those of the tables that they are taken from.</summary>
public sealed class ComparisonTests
{
    [Fact]
    public void The_fault_sweep_is_quoted_right()
    {
        var calls = Table("docs/fault-sweep.md", "| tool | flushes | faults injected");
        var storage = Table("docs/fault-sweep.md", "| tool | flushes | device loses writes");
        var quoted = Table("docs/integrity/comparison.md", "| tool | of faults in calls");
        Assert.NotEmpty(quoted);
        foreach (var row in quoted)
        {
            var call = calls.Single(r => Command(r) == Command(row));
            Assert.Equal($"{Number(call["swallowed: flush"]) + Number(call["swallowed: close"])}", row["of faults in calls: swallowed"]);
            Assert.Equal($"{Number(call["**silent corruption**"])}", row["wrong"]);
            var other = storage.Single(r => Command(r) == Command(row));
            foreach (var (here, there) in new[]
            {
                ("device loses writes", "device loses writes"), ("device fails to flush", "device fails to flush"), ("source changes", "source changes"),
                ("NBD server drops writes", "NBD: writes dropped"), ("server of the source answers wrong bytes", "NBD: wrong bytes read"),
            })
                Assert.Equal(other[there].Replace("*", string.Empty, StringComparison.Ordinal).Replace("/", " of ", StringComparison.Ordinal), row[here]);
        }
    }

    [Fact]
    public void The_zoo_is_quoted_right()
    {
        var zoo = Table("docs/zoo.md", "| content | damages | plain checker").ToDictionary(r => r["content"], StringComparer.Ordinal);
        var quoted = Table("docs/integrity/comparison.md", "| content | damages | plain checker, by exit code");
        Assert.NotEmpty(quoted);
        foreach (var row in quoted)
        {
            var there = zoo[row["content"]];
            Assert.Equal(
                (there["damages"], there["it sees, by exit code"], there["the reference"], there["**Sealift**"].Trim('*')),
                (row["damages"], row["plain checker, by exit code"], row["what virt-v2v looks at"], row["sealift"]));
        }
    }

    // The command that a row is about, without what every command has.
    private static string Command(Dictionary<string, string> row)
    {
        var text = row["tool"].Split('`')[1];
        foreach (var word in new[] { "bs=64K ", " if=SOURCE of=TARGET", " SOURCE TARGET", " --sparse=auto", " -f raw -O raw", " -f raw -F raw" }) text = text.Replace(word, string.Empty, StringComparison.Ordinal);
        return text;
    }

    private static int Number(string cell) => int.Parse(cell.Trim('*'), CultureInfo.InvariantCulture);

    private static List<Dictionary<string, string>> Table(string page, string beginsWith)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, page)).SkipWhile(l => !l.StartsWith(beginsWith, StringComparison.Ordinal)).TakeWhile(l => l.StartsWith('|')).Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray()).ToList();
        Assert.True(lines.Count > 2, $"{page} has no table that begins with {beginsWith}");
        return [.. lines.Skip(2).Select(l => lines[0].Zip(l).ToDictionary(c => c.First, c => c.Second, StringComparer.Ordinal))];
    }
}
