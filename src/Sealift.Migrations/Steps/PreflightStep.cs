using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>Looks at target, space, tools and key before anything large is made.</summary>
internal sealed class PreflightStep() : Step(StepName.Preflight, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var preflight = await Preflight.LookAsync(context.Request, context.Source, context.Id, cancel);
        // One is the verdict's; the others are told too, so that nobody has to find them one run at a time.
        foreach (var other in preflight.Problems.Skip(1)) context.Events.Send(new Note(StepName.Preflight, other.Message));
        if (preflight.Problems.Count > 0) throw preflight.Problems[0];
        // A key that cannot be used would be found only after the last byte otherwise.
        using (SealKey.OpenOrCreate(context.Store.StateDirectory))
        {
        }

        var tools = await ToolVersions.MeasureAsync(context.Request, cancel);
        var done = MigrationContext.Done(
            $"up to {MigrationContext.Size(preflight.NeededBytes)} needed, {MigrationContext.Size(preflight.FreeBytes)} free",
            new PreflightResult(preflight.NeededBytes, preflight.FreeBytes, tools) { Devices = preflight.Devices, Exports = preflight.Exports },
            JournalJson.Default.PreflightResult);
        if (preflight.Devices is not null || preflight.Exports is not null) context.Journal.ClaimPlaces(context.Id, done.Json, () => TargetPlaces.DemandUnclaimed(context.Journal, context.Id, preflight.Devices, preflight.Exports));
        return done;
    }
}

/// <summary>What the preflight established.</summary>
/// <param name="NeededBytes">Space needed at most.</param>
/// <param name="FreeBytes">Space there was.</param>
/// <param name="Tools">Names and versions of programs.</param>
internal sealed record PreflightResult(long NeededBytes, long FreeBytes, IReadOnlyDictionary<string, string> Tools)
{
    /// <summary>The devices that disks go to, by the keys of those; null where none does.</summary>
    public SortedDictionary<string, TargetDevice>? Devices { get; init; }

    /// <summary>The NBD exports that disks go to, likewise.</summary>
    public SortedDictionary<string, TargetExport>? Exports { get; init; }
}
