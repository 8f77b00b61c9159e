using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.EndToEnd;

/// <summary>What a guest that runs tests/rigs/busy-guest.sh says on its serial console: what it found as it started, and what it has synced since.</summary>
internal sealed partial class BusyConsole(string path)
{
    private const int Slots = 40; // as in tests/rigs/busy-guest.sh

    public static readonly TimeSpan BootDeadline = TimeSpan.FromMinutes(3);

    /// <summary>The last generation that it has synced and said so.</summary>
    public int Synced => SyncedLine().Matches(Said()).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();

    /// <summary>Waits until it has said something.</summary>
    /// <param name="text">What.</param>
    /// <param name="whyEnded">Why it will not say it any more; null while it may.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task WaitForAsync(string text, Func<string?> whyEnded, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(BootDeadline);
        while (!Said().Contains(text, StringComparison.Ordinal))
        {
            if (whyEnded() is { } why) Assert.Fail($"{why}\n{Said()}");
            await Task.Delay(100, limit.Token);
        }
    }

    /// <summary>What it found when it started: for each directory, that every record is whole and none is older than what was synced.</summary>
    public void AssertRecords(int synced)
    {
        var lines = RecordsLine().Matches(Said());
        Assert.Equal(2, lines.Count);
        foreach (var line in lines.AsEnumerable())
        {
            Assert.Equal("0", line.Groups["broken"].Value);
            Assert.True(int.Parse(line.Groups["last"].Value, CultureInfo.InvariantCulture) >= synced, line.Value);
            var found = line.Groups["slots"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => s.Split(':')).ToDictionary(s => int.Parse(s[0], CultureInfo.InvariantCulture), s => int.Parse(s[1], CultureInfo.InvariantCulture));
            for (var generation = Math.Max(1, synced - Slots + 1); generation <= synced; generation++) Assert.True(found[generation % Slots] >= generation, $"generation {generation} was synced and is not there: {line.Value}");
        }
    }

    // A file that a program writes to meanwhile is read as far as it is there.
    private string Said() => File.Exists(path) ? File.ReadAllText(path) : string.Empty;

    [GeneratedRegex(@"SYNCED (\d+)")]
    private static partial Regex SyncedLine();

    [GeneratedRegex(@"RECORDS \S+ whole=\d+ broken=(?<broken>\d+) last=(?<last>\d+)(?<slots>[ \d:]*)")]
    private static partial Regex RecordsLine();
}
