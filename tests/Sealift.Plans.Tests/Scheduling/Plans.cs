using Sealift.Plans.Documents;
using Sealift.Plans.Runs;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Small plans.</summary>
internal static class Plans
{
    public static readonly DateTimeOffset Start = new(2026, 11, 28, 20, 0, 0, TimeSpan.Zero);

    public static PlanSpec Of(params IReadOnlyList<PlannedMachine> machines) => new()
    {
        Provider = new PlanProviders { Source = new DocumentReference { Name = "source" }, Destination = new DocumentReference { Name = "target" } },
        Vms = machines,
    };

    public static PlanSpec Of(int count) => Of([.. Enumerable.Range(0, count).Select(i => new PlannedMachine { Name = $"vm{i}" })]);

    public static (PlanRun Run, List<MachineRun> Machines) Run(PlanSpec spec, Func<int, string>? host = null, string id = "run", params Document[] others)
    {
        var plan = new PlanDocument { Metadata = new DocumentMetadata { Name = "plan" }, Spec = spec };
        var run = new PlanRun(id, "plan", 1, PlanRunState.Running, spec.Vms.Min(m => m.Wave), Start, null, "tester", [plan, .. others]);
        return (run, [.. spec.Vms.Select((m, i) => new MachineRun { Run = id, Machine = m.Name, Wave = m.Wave, State = MachineRunState.Waiting, Host = host?.Invoke(i) ?? string.Empty })]);
    }
}
