using System.Globalization;
using System.Text.Json;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Runs;

namespace Sealift.Cli.Terminal;

/// <summary>Runs of plans and their machines as text and as JSON lines.</summary>
internal static class RunText
{
    /// <summary>What a run came to.</summary>
    public static int ExitCodeOf(IReadOnlyList<MachineRun> machines) =>
        machines.Any(m => m.State is not (MachineRunState.Succeeded or MachineRunState.Cancelled)) ? ExitCode.Failed
        : machines.Any(m => m.State == MachineRunState.Cancelled) ? ExitCode.Cancelled
        : machines.Any(m => m.Verdict == Verdict.Degraded) ? ExitCode.Degraded
        : ExitCode.Success;

    /// <summary>A run in a list.</summary>
    public static string Line(PlanRun run, IReadOnlyDictionary<MachineRunState, int> counts) => string.Create(
        CultureInfo.InvariantCulture,
        $"{run.Id}  {Word(run.State),-10}  {run.CreatedAt.ToLocalTime():yyyy-MM-dd HH:mm}  {ErrorReport.PrintableLine(run.Plan)}  {Counted(counts)}");

    /// <summary>How many machines stand where, those that are over last.</summary>
    public static string Counted(IReadOnlyDictionary<MachineRunState, int> counts) =>
        string.Join(", ", Enum.GetValues<MachineRunState>().Where(s => counts.GetValueOrDefault(s) > 0).Select(s => string.Create(CultureInfo.InvariantCulture, $"{counts[s]} {Word(s)}")));

    /// <summary>A run with all of its machines, for people.</summary>
    public static void Write(PlanRun run, IReadOnlyList<MachineRun> machines)
    {
        Console.Out.WriteLine($"run     {run.Id} of plan {ErrorReport.PrintableLine(run.Plan)}, by {ErrorReport.PrintableLine(run.Actor)}");
        Console.Out.WriteLine($"state   {Word(run.State)}, wave {run.Wave.ToString(CultureInfo.InvariantCulture)}; {Counted(machines.CountBy(m => m.State).ToDictionary())}");
        if (run.State == PlanRunState.Halted) Console.Out.WriteLine($"        machines of this wave failed: 'sealift plan retry {run.Plan}', 'sealift plan continue {run.Plan}' or 'sealift plan cancel {run.Plan}'");
        foreach (var machine in machines) WriteLine(machine);
    }

    /// <summary>A machine, with what there is to say about it.</summary>
    public static void WriteLine(MachineRun machine)
    {
        Console.Out.WriteLine($"  {Stands(machine),-22} {ErrorReport.PrintableLine(machine.Machine)}{(machine.Migration is { } id ? $"  {id}" : string.Empty)}{(machine.SealPath is { } seal ? $"  {seal}" : string.Empty)}");
        if (machine.WaitsFor is { } wait) Console.Out.WriteLine($"      {ErrorReport.PrintableLine(wait.InWords(at => at.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)))}");
        foreach (var hook in machine.Hooks.Where(h => h.State is HookState.Failed or HookState.Skipped)) Console.Out.WriteLine($"      hook {ErrorReport.PrintableLine(hook.Hook)}: {Word(hook.State)}; {hook.LogPath}");
        foreach (var reason in machine.Reasons) Console.Out.WriteLine($"      {ErrorReport.Printable(reason.ReplaceLineEndings(" "))}");
    }

    /// <summary>Where a machine stands: its verdict, or its step and how far that is.</summary>
    public static string Stands(MachineRun machine)
    {
        if (machine is { State: MachineRunState.Succeeded, Verdict: { } verdict }) return verdict.ToString().ToLowerInvariant();
        var step = machine.IsOver || machine.Step.Length == 0 ? string.Empty : $" {ErrorReport.PrintableLine(machine.Step)}";
        var done = !machine.IsOver && machine.TotalBytes > 0 ? string.Create(CultureInfo.InvariantCulture, $" {100.0 * machine.DoneBytes / machine.TotalBytes:0}%") : string.Empty;
        return $"{Word(machine.State)}{step}{done}";
    }

    /// <summary>A run as a JSON line, without its documents.</summary>
    public static void WriteJson(PlanRun run) => JsonLine.Write(w =>
    {
        w.WriteString("event", "run");
        w.WriteString("id", run.Id);
        w.WriteString("plan", run.Plan);
        w.WriteNumber("generation", run.Generation);
        w.WriteString("state", Word(run.State));
        w.WriteNumber("wave", run.Wave);
        w.WriteString("createdAt", run.CreatedAt);
        if (run.EndedAt is { } end) w.WriteString("endedAt", end);
        w.WriteString("actor", run.Actor);
    });

    /// <summary>A machine as a JSON line.</summary>
    public static void WriteJson(MachineRun machine) => JsonLine.Write(w =>
    {
        w.WriteString("event", "machine");
        w.WritePropertyName("machine");
        w.WriteRawValue(JsonSerializer.Serialize(machine, PlanJson.Default.MachineRun));
    });

    private static string Word<T>(T state)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(state.ToString());
}
