using System.Diagnostics;
using System.Text.Json;
using Sealift.Blkhash;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>How <c>sealift copy</c> tells what it does: a line of progress on a terminal, JSON where asked for, and the verdict at the end.</summary>
internal sealed class CopyView(bool json, bool prove, BlkhashParameters parameters, Tuning tuning) : ICopyObserver, IDisposable
{
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private readonly Lock asked = new();
    private ProgressLine? line;
    private CopyTarget? target;

    /// <summary>Whether the target was written to, so that there is a verdict.</summary>
    public bool HasBegun => target is not null;

    /// <inheritdoc/>
    public void Begun(CopyTarget target, bool resumed, long lengthBytes)
    {
        this.target = target;
        if (!json) return;
        JsonLine.Write(w =>
        {
            w.WriteString("event", "copy-started");
            w.WriteString("target", target.Name);
            w.WriteNumber("lengthBytes", lengthBytes);
            w.WriteBoolean("resumed", resumed);
            w.WriteBoolean("proof", prove);
            w.WriteString("hashEngine", new LeafHasher(parameters).Engine);
            tuning.WriteTo(w);
        });
    }

    /// <inheritdoc/>
    public void Transfers(TransferReport chosen)
    {
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "transfer");
                TransferText.WriteTo(w, chosen);
            });
        }
        else if (chosen.IsOffload)
        {
            Note($"the storage copies by itself ({chosen.Used}); {(prove ? "both sides are hashed" : "only the source is hashed")}");
        }
    }

    /// <inheritdoc/>
    public IProgress<DiskProgress>? Progress(string stage)
    {
        if (json) return new JsonProgress(stage);
        // A target is read back beside the copy, and on a thread of its own.
        lock (asked)
        {
            if (line is not null) return line.Beside(stage);
            return line = ProgressLine.For(json, stage);
        }
    }

    /// <inheritdoc/>
    public void Differs(Mismatch mismatch)
    {
        if (json) DifferenceJson.Write(mismatch);
        else Note($"{mismatch}; copying them again");
    }

    /// <summary>Says something that is no error, on standard error: standard output is the hash and the verdict.</summary>
    public void Note(string text) => NoteText.Write(text, json);

    /// <summary>Prints hash and verdict.</summary>
    /// <returns>The exit code.</returns>
    public int Finished(string from, string to, CopyReport report)
    {
        line?.Dispose();
        if (line is not null && report.Performance is { } went) Note($"{Quantities.Time(TimeSpan.FromSeconds(went.ElapsedSeconds))}{StageText.Limit(went)}: {StageText.Rates(went)}");
        if (report.Copied?.MapDoubt is { } doubt) Note($"no hole of the source was believed and every byte was read: {doubt}");
        if (report.NotRemoved is { } stays) Note(stays);
        var offloaded = report.Transfer is { IsOffload: true } transfer ? transfer : null;
        if (offloaded?.How is { } how) Note($"the storage copied by {how}");
        if (offloaded?.Declined is { } declined) Note($"the storage declined at offset {offloaded.DeclinedAt}, and the rest was copied by stream: {declined}");
        var proven = report.CacheBypass is not null;
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "copy-finished");
                w.WriteString("verdict", proven ? "proven" : "degraded");
                w.WriteString("source", from);
                w.WriteString("target", to);
                w.WriteString("algorithm", parameters.Name);
                w.WriteString("digest", report.Root);
                w.WriteNumber("lengthBytes", report.LengthBytes);
                Amounts(w, report);
                w.WriteNumber("elapsedSeconds", Math.Round(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, 3));
                if (report.Transfer is { } used)
                {
                    w.WriteStartObject("transfer");
                    TransferText.WriteTo(w, used);
                    w.WriteEndObject();
                }

                if (report.Performance is { } performance) StageText.WriteTo(w, performance);
            });
        }
        else
        {
            Console.Out.WriteLine(BlkhashLine.Format(Convert.FromHexString(report.Root), from));
            var repaired = report.Repaired.Count == 0 ? string.Empty : $" after {report.Repaired.Count} {(report.Repaired.Count == 1 ? "range was" : "ranges were")} copied again";
            var name = ErrorReport.Printable(to);
            Console.Out.WriteLine((proven, offloaded) switch
            {
                (true, null) => $"verdict: proven: {name} reads back as it was copied{repaired} ({report.CacheBypass})",
                (true, var by) => $"verdict: proven: {name}, which the storage copied ({by}), reads back as the source{repaired} ({report.CacheBypass})",
                (false, null) => $"verdict: degraded: {name} was written and flushed, and not read back (--no-proof)",
                (false, var by) => $"verdict: degraded: the storage says that it copied {name} ({by}), and nobody has read it: the hash is the source's (--no-proof)",
            });
        }

        return proven ? ExitCode.Success : ExitCode.Degraded;
    }

    /// <summary>Prints why a copy that had begun did not come to its end, and how it goes on.</summary>
    /// <returns>The exit code.</returns>
    public int Stopped(string from, string to, Exception error)
    {
        line?.Dispose();
        var exitCode = ErrorReport.Write(error, json, "The same command with --resume goes on with it");
        var verdict = error is OperationCanceledException ? "cancelled" : "failed";
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "copy-finished");
                w.WriteString("verdict", verdict);
                w.WriteString("source", from);
                w.WriteString("target", to);
                w.WriteString("unfinished", target!.WorkPath);
            });
        }
        else
        {
            Console.Out.WriteLine($"verdict: {verdict}: {ErrorReport.Printable(to)} is not proven; what was copied is kept in {ErrorReport.Printable(target!.WorkPath)}");
            Console.Out.WriteLine("resume:  the same command with --resume, or --restart to begin anew");
        }

        return exitCode == ExitCode.Refused ? ExitCode.Failed : exitCode;
    }

    /// <inheritdoc/>
    public void Dispose() => line?.Dispose();

    private static void Amounts(Utf8JsonWriter w, CopyReport report)
    {
        if (report.Copied is { } copied)
        {
            w.WriteNumber("dataBytes", copied.DataBytes);
            w.WriteNumber("zeroBytes", copied.ZeroBytes);
            w.WriteNumber("holeBytes", copied.HoleBytes);
            w.WriteNumber("resumedBytes", copied.ResumedBytes);
        }

        w.WriteNumber("repairedBytes", report.Repaired.Sum(m => m.Range.LengthBytes));
        w.WriteString("cacheBypass", report.CacheBypass);
    }
}
