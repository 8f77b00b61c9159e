using System.Diagnostics;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>How <c>sealift compare</c> tells where two disks differ, and what came of it.</summary>
internal sealed class CompareView(string a, string b, bool ignoreTrailingZeros, bool json) : IDisposable
{
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private readonly ProgressLine? line = ProgressLine.For(json, "compare");

    /// <summary>Who is told the progress.</summary>
    public IProgress<DiskProgress>? Progress => json ? new JsonProgress("compare") : line;

    /// <summary>Prints a range that differs.</summary>
    public void Differs(DiskDifference difference)
    {
        if (json)
        {
            DifferenceJson.Write(difference);
            return;
        }

        line?.Dispose();
        var first = difference.First is { } f ? $"  first at {f.Offset}: {f.ExpectedBytes} in A, {f.ActualBytes} in B" : string.Empty;
        Console.Out.WriteLine($"{difference.Offset,20} {difference.LengthBytes,20} {difference.Kind.ToString().ToLowerInvariant()}{first}");
    }

    /// <summary>Prints the result.</summary>
    /// <returns>The exit code.</returns>
    public int Finished(DiskComparison found, Tuning tuning)
    {
        line?.Dispose();
        var equal = found.IsEqual(ignoreTrailingZeros);
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "compare-finished");
                w.WriteBoolean("equal", equal);
                w.WriteString("a", a);
                w.WriteString("b", b);
                w.WriteNumber("lengthBytesA", found.LengthA);
                w.WriteNumber("lengthBytesB", found.LengthB);
                w.WriteString("rest", found.Rest.ToString().ToLowerInvariant());
                w.WriteNumber("ranges", found.Ranges);
                w.WriteNumber("differingBytes", found.DifferingBytes);
                w.WriteNumber("listedRanges", found.ListedRanges);
                tuning.WriteTo(w);
                w.WriteNumber("elapsedSeconds", Math.Round(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, 3));
            });
        }
        else
        {
            if (found.Rest != LongerEnd.None) Console.Out.WriteLine($"length: A has {found.LengthA} bytes and B {found.LengthB}; {Rest(found)}");
            if (equal) Console.Out.WriteLine($"equal: {Math.Min(found.LengthA, found.LengthB)} bytes{(found.Rest == LongerEnd.None ? string.Empty : ", and only zeros behind them")}");
            else if (found.Ranges == 0) Console.Out.WriteLine("differ: only behind the end of the shorter one, as far as is known");
            else Console.Out.WriteLine($"differ: {found.DifferingBytes} bytes in {found.Ranges} {(found.Ranges == 1 ? "range" : "ranges")}{(found.ListedRanges < found.Ranges ? $", {found.Ranges - found.ListedRanges} of which are not listed (--limit)" : string.Empty)}");
        }

        return equal ? ExitCode.Success : ExitCode.Failed;
    }

    /// <inheritdoc/>
    public void Dispose() => line?.Dispose();

    private static string Rest(DiskComparison found)
    {
        var longer = found.LengthA > found.LengthB ? "A" : "B";
        return found.Rest switch
        {
            LongerEnd.Zeros => $"what {longer} has more is all zeros",
            LongerEnd.Data => $"what {longer} has more is not all zeros",
            _ => $"whether what {longer} has more is all zeros is not known",
        };
    }
}
