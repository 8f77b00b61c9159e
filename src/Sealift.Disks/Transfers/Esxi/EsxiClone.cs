using System.Globalization;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>One run of vmkfstools on an ESXi host, from here: told to go on again and again, listened to, and ended where it falls silent.</summary>
internal sealed partial class EsxiClone(SshHost host, string source, MadeFile file, EsxiPatience patience)
{
    // A hundred percents, and what it says before and after.
    private const int LimitLines = 100_000, LimitLineCharacters = 4096;

    /// <summary>Runs it to its end.</summary>
    /// <param name="nonce">What stands in the permit.</param>
    /// <param name="percent">Told of its progress.</param>
    /// <param name="cancel">Ends it.</param>
    /// <returns>What was said where there is no clone; null where vmkfstools ended and said that there is one.</returns>
    public async Task<string?> RunAsync(string nonce, Action<int> percent, CancellationToken cancel)
    {
        await using var child = ChildProcess.Start(EsxiScript.Clone(host, source, file.There, nonce, patience.Lease, patience.Grace));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var beating = BeatAsync(child, over.Token);
        try
        {
            return await ListenAsync(child, percent, cancel);
        }
        catch (ChildException e)
        {
            return EsxiCloneTransfer.InWords(e);
        }
        finally
        {
            await over.CancelAsync();
            await beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // that it no longer listens is told by its end
        }
    }

    /// <summary>Reads a percentage from a line such as <c>Clone: 12% done.</c>; null where there is none.</summary>
    internal static int? PercentOf(string line) =>
        Percentage().Match(line) is { Success: true } match && int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) is >= 0 and <= 100 and var percent ? percent : null;

    private async Task<string?> ListenAsync(ChildProcess child, Action<int> percent, CancellationToken cancel)
    {
        var (space, lines, code, highest) = (SpaceTaken(), 0, (int?)null, -1);
        while (true)
        {
            string? line;
            using (var quiet = CancellationTokenSource.CreateLinkedTokenSource(cancel))
            {
                quiet.CancelAfter(patience.Silence);
                try
                {
                    line = await child.ReadLineAsync(quiet.Token);
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    var now = SpaceTaken();
                    if (now == space) return $"vmkfstools on {host.Name} was silent for {patience.Silence}, and its clone took no more space";
                    space = now;
                    continue;
                }
            }

            if (line is null) break;
            if (++lines > LimitLines || line.Length > LimitLineCharacters) return $"{host.Name} says more than vmkfstools does";
            if (line.StartsWith(EsxiScript.Ended, StringComparison.Ordinal) && int.TryParse(line.AsSpan(EsxiScript.Ended.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var ended)) code = ended;
            else if (PercentOf(line) is { } reached && reached > highest) percent(highest = reached);
        }

        var exitCode = await child.WaitAsync(cancel);
        child.ThrowUnlessAccepted(exitCode); // ssh's own failures
        return code switch
        {
            0 => null,
            EsxiScript.OtherDirectory => $"{host.Name} does not see what this host writes into {Path.GetDirectoryName(file.Path)}: {Path.GetDirectoryName(file.There)} is another directory",
            EsxiScript.NotWritable => $"{host.Name} cannot write into {Path.GetDirectoryName(file.There)}",
            null => $"the connection to {host.Name} ended before vmkfstools did{LastWords(child)}",
            _ => $"vmkfstools on {host.Name} ended with exit code {code}{LastWords(child)}",
        };
    }

    private static string LastWords(ChildProcess child)
    {
        var words = ImageErrors.Printable(string.Join("; ", child.ErrorTail.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).TakeLast(3)));
        return words.Length == 0 ? string.Empty : $": {words.TrimEnd('.')}";
    }

    private long SpaceTaken() => FileFacts.OfPathIfExists(file.Path)?.AllocatedBytes ?? -1;

    private async Task BeatAsync(ChildProcess child, CancellationToken over)
    {
        while (true)
        {
            await child.SendAsync("\n", over);
            await Task.Delay(patience.Beat, over);
        }
    }

    [GeneratedRegex(@"(?<![0-9.])([0-9]{1,3})%")]
    private static partial Regex Percentage();
}
