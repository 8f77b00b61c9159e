using System.Runtime.CompilerServices;

namespace Sealift.Bench.Mutation.Tests;

/// <summary>bench/mutation on a small example: a check that a test needs, one that none needs, a loop that does not end, and code that no test reaches.</summary>
public sealed class CampaignTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_mutant_gets_the_verdict_that_its_tests_deserve()
    {
        var repository = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", ".."));
        var project = Path.Combine(repository, "bench", "MutationExample", "MutationExample.csproj");
        var mutated = MutatedAssembly.Build(await CompilerCall.ReadAsync(project, Cancel), Path.GetDirectoryName(project)!, repository, name => name == "Vault.cs");
        var copy = Directory.CreateTempSubdirectory("mutation-runner-").FullName;
        try
        {
            Campaign.Copy(AppContext.BaseDirectory, copy, mutated);
            var campaign = new Campaign(Path.Combine(copy, "MutationRunner.dll"), mutated, _ => { });
            await campaign.ObserveAsync(test => test.Class == typeof(VaultTests).FullName, Cancel);
            var verdicts = new Dictionary<string, Verdict>();
            await campaign.RunAsync(mutated.Mutants, 1, (mutant, verdict, _) => verdicts.Add($"{mutant.Id} {mutant.Change}", verdict), Cancel);
            Verdict Of(string change) => verdicts.Single(v => v.Key.EndsWith($" {change}", StringComparison.Ordinal)).Value;

            Assert.Equal(Verdict.Killed, Of("condition always false: amount > held"));
            Assert.Equal(Verdict.Killed, Of("condition always true: amount > held"));
            Assert.Equal(Verdict.Killed, Of("amount > held => amount >= held"));
            Assert.Equal(Verdict.Killed, Of("held - amount => held + amount"));
            Assert.Equal(Verdict.Survived, Of("call dropped: ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1);"));
            Assert.Equal(Verdict.TimedOut, Of("assignment dropped: value /= 2;"));
            Assert.Equal(Verdict.TimedOut, Of("condition always true: value > 1"));
            Assert.Equal(Verdict.NotCovered, Of("condition always true: digits.All(char.IsAsciiDigit)"));
            Assert.DoesNotContain(verdicts.Keys, change => change.Contains("more than there is", StringComparison.Ordinal)); // a text

            var report = new Report("example", 50, mutated.Rejected, [.. mutated.Mutants.Select(m => new Result(m.Key, m.File, m.Line, m.LineText, m.Change, m.RemovesCheck, verdicts[$"{m.Id} {m.Change}"], string.Empty))]);
            Assert.True(report.UnnoticedChecks >= 2);
            Assert.InRange(report.Percent, 40, 90);
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    [Fact]
    public void A_mutant_that_is_listed_as_equivalent_needs_a_reason()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "# a comment\n\nfile: a.cs\nline: if (x) throw;\nchange: condition always true: x\nwhy: it always is\n");
            Assert.Equal(["a.cs|if (x) throw;|condition always true: x"], Equivalents.Read(path).Stale(file => file == "a.cs"));
            File.WriteAllText(path, "file: a.cs\nline: if (x) throw;\nchange: condition always true: x\n");
            Assert.Throws<InvalidOperationException>(() => Equivalents.Read(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
