using Sealift.Migrations.Steps;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>Which steps a plan takes for a machine, in order.</summary>
internal static class MigrationSteps
{
    public static IReadOnlyList<Step> For(MigrationRequest request, VirtualMachine machine)
    {
        var disks = machine.Disks.Select(d => d.Key).ToList();
        var steps = new List<Step> { new DescribeStep(), new PreflightStep() };
        if (request.Check) steps.Add(new CheckSourceStep());
        if (request.Warm is not null) steps.AddRange([new PrecopyStep(), new CutoverStep()]);
        foreach (var disk in disks)
        {
            steps.Add(request.Warm is null ? new CopyStep(disk) : new WarmCopyStep(disk));
            steps.Add(new ReadBackStep(disk));
        }

        if (request.Convert) steps.Add(new ConvertStep());
        if (request.Check) steps.Add(new CheckTargetStep());
        if (request.Convert)
        {
            // All commits before any proof: between the first and the last the machine exists in no consistent state.
            steps.AddRange(disks.Select(d => new CommitStep(d)));
            steps.AddRange(disks.Select(d => new ProveStep(d)));
            if (request.Check) steps.Add(new CheckCommittedStep());
        }

        // On what is handed over: after it was proven, and before anybody decides.
        if (request.BootCheck.IsPlanned(request.Convert)) steps.Add(new BootCheckStep());
        return [.. steps, new GateStep(), new HandOverStep(), new SealStep()];
    }
}
