using System.Text.Json;
using Sealift.Plans;
using Sealift.Plans.Documents;

namespace Sealift.Cli.Terminal;

/// <summary>What <c>plan validate</c> prints.</summary>
internal static class PlanReportText
{
    /// <summary>Prints a report.</summary>
    /// <returns>The exit code: refused where the plan cannot be run.</returns>
    public static int Write(PlanDocument plan, PlanReport report, bool json)
    {
        if (json) Console.Out.WriteLine(JsonSerializer.Serialize(report, PlanJson.Default.PlanReport));
        else WriteText(plan, report);
        return report.CanRun ? ExitCode.Success : ExitCode.Refused;
    }

    private static void WriteText(PlanDocument plan, PlanReport report)
    {
        Console.Out.WriteLine($"plan      {plan.Metadata.Name}: {report.Machines.Count} {(report.Machines.Count == 1 ? "machine" : "machines")}");
        foreach (var problem in report.Problems) Write(problem);
        foreach (var machine in report.Machines)
        {
            var state = machine.Problems.Any(p => p.IsObstacle) ? "stopped" : machine.Forecast is null ? "unseen" : "ready";
            var size = machine.Forecast is { } forecast ? $", {forecast.Disks.Count} {(forecast.Disks.Count == 1 ? "disk" : "disks")}, at most {Quantities.Size(forecast.Disks.Sum(d => d.AllocatedBytes))} of data" : string.Empty;
            Console.Out.WriteLine($"{state,-9} {ErrorReport.PrintableLine(machine.Machine)} -> {ErrorReport.PrintableLine(machine.TargetName)}{size}");
            foreach (var problem in machine.Problems) Write(problem);
            foreach (var note in machine.Forecast?.Notes ?? []) Console.Out.WriteLine($"  note    {ErrorReport.PrintableLine(note)}");
        }

        Console.Out.WriteLine(report.CanRun ? "Nothing was done. This plan can be run." : "Nothing was done. This plan cannot be run: see the problems above.");
    }

    /// <summary>Prints what is wrong with a plan that is stored all the same, as a JSON line.</summary>
    public static void WriteJson(string plan, PlanProblem problem) => JsonLine.Write(w =>
    {
        w.WriteString("event", "note");
        w.WriteString("plan", plan);
        w.WriteString("code", problem.Code);
        w.WriteString("place", problem.Place);
        w.WriteString("field", problem.Field);
        w.WriteString("said", problem.Said);
        w.WriteString("nextStep", problem.NextStep);
    });

    /// <summary>Prints one problem.</summary>
    public static void Write(PlanProblem problem)
    {
        Console.Out.WriteLine($"  {(problem.IsObstacle ? "problem" : "note"),-7} {problem.Code}{(problem.Place.Length == 0 ? string.Empty : $" {ErrorReport.PrintableLine(problem.Place)}")}{(problem.Field.Length == 0 ? string.Empty : " " + problem.Field)}: {ErrorReport.PrintableLine(problem.Said)}");
        if (problem.NextStep.Length > 0) Console.Out.WriteLine($"          what to do: {ErrorReport.PrintableLine(problem.NextStep)}");
    }
}
