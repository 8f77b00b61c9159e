using System.Diagnostics;
using Sealift.Blkhash;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>How <c>sealift repair</c> tells what differs, what it does about it, and the verdict.</summary>
internal sealed class RepairView(string to, bool checkOnly, Tuning tuning, bool json) : IRepairObserver, IDisposable
{
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private ProgressLine? line;

    /// <summary>Whether the target was written to, so that there is a verdict.</summary>
    public bool HasWritten { get; private set; }

    /// <inheritdoc/>
    public void Begun(long lengthBytes)
    {
        if (!json) return;
        JsonLine.Write(w =>
        {
            w.WriteString("event", "repair-started");
            w.WriteString("target", to);
            w.WriteNumber("lengthBytes", lengthBytes);
            w.WriteBoolean("checkOnly", checkOnly);
            tuning.WriteTo(w);
        });
    }

    /// <inheritdoc/>
    public IProgress<DiskProgress>? Progress(string stage)
    {
        line?.Dispose();
        line = ProgressLine.For(json, stage);
        return json ? new JsonProgress(stage) : line;
    }

    /// <inheritdoc/>
    public void Differs(Mismatch mismatch)
    {
        line?.Dispose();
        if (json) DifferenceJson.Write(mismatch);
        else NoteText.Write(mismatch.ToString(), json);
    }

    /// <inheritdoc/>
    public void DiffersMore(long differingBytes) => NoteText.Write($"more ranges read back different than are listed, {differingBytes} bytes in all", json);

    /// <inheritdoc/>
    public void Writing(long differingBytes)
    {
        HasWritten = true;
        NoteText.Write($"the source has all {differingBytes} bytes as the map says; copying them again", json);
    }

    /// <summary>Prints hash and verdict.</summary>
    /// <returns>The exit code.</returns>
    public int Finished(BlkhashParameters parameters, RepairReport report)
    {
        line?.Dispose();
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "repair-finished");
                w.WriteString("verdict", report.IsEqual ? "proven" : "failed");
                w.WriteString("target", to);
                w.WriteString("algorithm", parameters.Name);
                w.WriteString("digest", report.Root);
                w.WriteNumber("lengthBytes", report.LengthBytes);
                w.WriteNumber("differingBytes", report.DifferingBytes);
                w.WriteNumber("repairedBytes", report.RewrittenBytes);
                w.WriteString("cacheBypass", report.CacheBypass);
                w.WriteNumber("elapsedSeconds", Math.Round(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, 3));
            });
        }
        else
        {
            Console.Out.WriteLine(BlkhashLine.Format(Convert.FromHexString(report.Root), to));
            var repaired = report.RewrittenBytes == 0 ? string.Empty : $" after {report.RewrittenBytes} bytes were copied again";
            Console.Out.WriteLine(report.IsEqual
                ? $"verdict: proven: {ErrorReport.Printable(to)} reads back as the map says{repaired} ({report.CacheBypass})"
                : $"verdict: failed: {report.DifferingBytes} bytes of {ErrorReport.Printable(to)} are not what the map says, and the source has them; nothing was written (--check-only)");
        }

        return report.IsEqual ? ExitCode.Success : ExitCode.Failed;
    }

    /// <summary>Prints why a repair did not come to its end.</summary>
    /// <returns>The exit code.</returns>
    public int Stopped(Exception error)
    {
        line?.Dispose();
        var exitCode = ErrorReport.Write(error, json, HasWritten ? "The same command again finds and repairs the rest" : "Nothing was written: the same command begins anew");
        if (!HasWritten) return exitCode;
        var verdict = error is OperationCanceledException ? "cancelled" : "failed";
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "repair-finished");
                w.WriteString("verdict", verdict);
                w.WriteString("target", to);
            });
        }
        else
        {
            Console.Out.WriteLine($"verdict: {verdict}: {ErrorReport.Printable(to)} is not proven; the same command again finds and repairs what is left");
        }

        return exitCode == ExitCode.Refused ? ExitCode.Failed : exitCode;
    }

    /// <inheritdoc/>
    public void Dispose() => line?.Dispose();
}
