using System.Diagnostics;
using Sealift.Guests;
using Sealift.Providers;

namespace Sealift.Cli.Terminal;

/// <summary>How <c>sealift check</c> tells what is on the disks and what is wrong with it.</summary>
internal sealed class CheckView(bool json) : IProgress<string>, IDisposable
{
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private readonly bool hasTerminal = !json && !Console.IsErrorRedirected;
    private bool shown;

    /// <summary>The step at hand, in one line of a terminal.</summary>
    public void Report(string value)
    {
        if (!hasTerminal) return;
        Console.Error.Write($"\r\e[K{ErrorReport.Printable(value)}");
        shown = true;
    }

    /// <summary>Takes that line away again.</summary>
    public void Dispose()
    {
        if (shown) Console.Error.Write("\r\e[K");
        shown = false;
    }

    /// <summary>Prints the result.</summary>
    /// <returns>The exit code.</returns>
    public int Finished(VirtualMachine machine, GuestReport report, bool inspected)
    {
        Dispose();
        var damages = report.Findings.Count(f => f.Severity == FindingSeverity.Damage);
        var obstacles = report.Findings.Count(f => f.Severity == FindingSeverity.Obstacle);
        var left = report.Findings.Where(f => f.Class == "not-checked").Select(f => f.Filesystem).Distinct().Count();
        if (json) WriteJson(machine, report, damages, obstacles, left, Stopwatch.GetElapsedTime(startedAt));
        else WriteText(machine, report, inspected, damages, obstacles, left);
        return damages + obstacles > 0 ? ExitCode.Failed : left > 0 ? ExitCode.Degraded : ExitCode.Success;
    }

    private static string Result(GuestFilesystem f) => f switch
    {
        { Clean: true } => "sound",
        { CheckedBy.Length: > 0 } => "DAMAGED",
        _ => "not checked",
    };

    private static string Result(GuestFilesystem f, GuestReport report) =>
        f.CheckedBy.Length == 0 && report.Findings.Any(x => x.Filesystem == f.Identity && x.Severity == FindingSeverity.Damage) ? "DAMAGED" : Result(f);

    private static string Place(GuestFilesystem f) => f.Device.Split(", ", 2)[0];

    private static void WriteText(VirtualMachine machine, GuestReport report, bool inspected, int damages, int obstacles, int left)
    {
        foreach (var disk in machine.Disks) Console.Out.WriteLine($"{disk.Key}: {ErrorReport.Printable(disk.Identity)} ({disk.Image.Format.ToString().ToLowerInvariant()}), {Quantities.Size(disk.Image.VirtualLengthBytes)}");
        if (inspected) Console.Out.WriteLine($"operating system: {(report.Inspection.ProductName.Length > 0 ? ErrorReport.Printable(report.Inspection.ProductName) : report.Inspection.OsType)}, {report.Inspection.Architecture}");
        if (report.Inspection.Filesystems.Count > 0) Console.Out.WriteLine();
        Table(
            ["WHERE", "TYPE", "LABEL", "SIZE", "RESULT", "CHECKED BY"],
            [.. report.Inspection.Filesystems.Select(f => (string[])[Place(f), f.Type, f.Label, Quantities.Size(f.LengthBytes), Result(f, report), f.CheckedBy.Length > 0 ? $"{f.CheckedBy}, {f.CheckedVia}: {f.Why}" : f.Why])]);
        foreach (var finding in report.Findings)
        {
            Console.Out.WriteLine();
            Console.Out.WriteLine($"{(finding.Severity is FindingSeverity.Damage or FindingSeverity.Obstacle ? finding.Severity.ToString().ToUpperInvariant() : finding.Severity.ToString().ToLowerInvariant())} {finding.Class}:{ErrorReport.Printable(finding.Filesystem)} on {ErrorReport.Printable(finding.Device)}");
            foreach (var line in ErrorReport.Printable(finding.Text).Split('\n')) Console.Out.WriteLine($"  {line}");
            Console.Out.WriteLine($"  what to do: {FindingAdvice.Of(finding)}");
        }

        Console.Out.WriteLine();
        Console.Out.WriteLine((damages, left) switch
        {
            (0, 0) => "everything was checked and is sound",
            (0, _) => $"no damage was found, and {left} of what is there {(left == 1 ? "was" : "were")} not checked",
            _ => $"DAMAGED: {damages} {(damages == 1 ? "finding" : "findings")}{(left > 0 ? $"; {left} of what is there {(left == 1 ? "was" : "were")} not checked" : string.Empty)}",
        });
        var warnings = report.Findings.Count(f => f.Severity == FindingSeverity.Warning);
        if (obstacles > 0) Console.Out.WriteLine($"WOULD NOT BE CONVERTED: {obstacles} {(obstacles == 1 ? "obstacle" : "obstacles")}; 'sealift migrate' stops before it copies");
        if (warnings > 0) Console.Out.WriteLine($"{warnings} {(warnings == 1 ? "warning" : "warnings")}: it is migrated all the same; its conversion may fail, or the new machine not start");
    }

    private static void Table(string[] head, IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0) return;
        var widths = Enumerable.Range(0, head.Length - 1).Select(c => rows.Append(head).Max(r => r[c].Length)).ToList();
        foreach (var row in rows.Prepend(head))
            Console.Out.WriteLine(ErrorReport.Printable(string.Concat(row.Take(head.Length - 1).Select((cell, c) => cell.PadRight(widths[c] + 2))) + row[^1]));
    }

    private static void WriteJson(VirtualMachine machine, GuestReport report, int damages, int obstacles, int left, TimeSpan elapsed)
    {
        foreach (var f in report.Inspection.Filesystems)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "filesystem");
                w.WriteString("identity", f.Identity);
                w.WriteString("device", f.Device);
                w.WriteString("type", f.Type);
                w.WriteString("label", f.Label);
                w.WriteNumber("lengthBytes", f.LengthBytes);
                w.WriteString("mountpoint", f.Mountpoint);
                w.WriteString("checkedBy", f.CheckedBy);
                w.WriteString("checkedVia", f.CheckedVia);
                w.WriteString("why", f.Why);
                w.WriteBoolean("clean", f.Clean);
            });
        }

        foreach (var finding in report.Findings)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "finding");
                w.WriteString("class", finding.Class);
                w.WriteString("severity", finding.Severity.ToString().ToLowerInvariant());
                w.WriteString("filesystem", finding.Filesystem);
                w.WriteString("device", finding.Device);
                w.WriteString("text", finding.Text);
                w.WriteString("advice", FindingAdvice.Of(finding));
            });
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", "check-finished");
            w.WriteString("machine", machine.Name);
            w.WriteNumber("disks", machine.Disks.Count);
            w.WriteNumber("filesystems", report.Inspection.Filesystems.Count);
            w.WriteNumber("damages", damages);
            w.WriteNumber("obstacles", obstacles);
            w.WriteNumber("warnings", report.Findings.Count(f => f.Severity == FindingSeverity.Warning));
            w.WriteNumber("notChecked", left);
            w.WriteString("operatingSystem", report.Inspection.ProductName.Length > 0 ? report.Inspection.ProductName : report.Inspection.OsType);
            w.WriteBoolean("usedAppliance", report.Tools.ContainsKey("libguestfs"));
            w.WriteStartObject("tools");
            foreach (var (tool, version) in report.Tools.OrderBy(t => t.Key, StringComparer.Ordinal)) w.WriteString(tool, version);
            w.WriteEndObject();
            w.WriteNumber("elapsedSeconds", Math.Round(elapsed.TotalSeconds, 3));
        });
    }
}
