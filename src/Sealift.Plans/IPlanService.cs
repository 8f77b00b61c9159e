using System.Globalization;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Plans;

/// <summary>All that can be done with plans: the one door for the command, the API and the pages.</summary>
public interface IPlanService
{
    /// <summary>What the plans are kept in, to be looked at.</summary>
    IPlanStore Store { get; }

    /// <summary>The migrations of this state directory.</summary>
    MigrationStore Migrations { get; }

    /// <summary>Stores documents, all or none.</summary>
    /// <exception cref="Posix.SealiftException">SL7656: a plan among them could never be run as it is. SL7623: one was changed meanwhile. SL7648: one is of kind Migration.</exception>
    Task<IReadOnlyList<StoredDocument>> ApplyAsync(IReadOnlyList<Document> documents, CancellationToken cancel);

    /// <summary>Looks for all that would stop a plan, or its machines, days before: documents that are missing, machines that are not there, targets that exist, concerns of the source, space, tools.</summary>
    /// <param name="plan">A stored plan.</param>
    /// <param name="progress">Told of each machine as it is looked at.</param>
    /// <param name="cancel">Gives up.</param>
    Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel);

    /// <summary>The same for documents that are not stored.</summary>
    Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel);

    /// <summary>Begins a run. Whoever runs the scheduler of this store carries it out.</summary>
    Task<PlanRun> RunAsync(string plan, DateTimeOffset? cutover, string actor, CancellationToken cancel);

    /// <summary>
    /// Carries out an order in a document: begins a run, once for each name. Of a run that was begun by it already, and goes on, the machines that
    /// it cancels by now are cancelled, and its cutover is ordered.
    /// </summary>
    /// <returns>The run, and whether it was begun by this call.</returns>
    /// <exception cref="Posix.SealiftException">SL7657: a document of this name began a run of another plan. As <see cref="RunAsync"/> and <see cref="OrderAsync"/>.</exception>
    Task<OrderedRun> BeginAsync(MigrationDocument order, string actor, CancellationToken cancel);

    /// <summary>Asks something of a run.</summary>
    /// <exception cref="Posix.SealiftException">There is no such run or machine, or it is past that.</exception>
    Task OrderAsync(RunOrder order, CancellationToken cancel);

    /// <summary>Hides a plan from lists, or shows it again.</summary>
    /// <exception cref="Posix.SealiftException">SL7676: its run is not finished.</exception>
    Task ArchiveAsync(string plan, bool archived, CancellationToken cancel);

    /// <summary>What happens in runs from now on, on whichever server of this store it happens; ends with <paramref name="cancel"/>. A reader that is slow misses what was replaced by newer, never the last.</summary>
    /// <param name="run">Of one run; null for all.</param>
    /// <param name="cancel">Ends it.</param>
    IAsyncEnumerable<RunNews> WatchAsync(string? run, CancellationToken cancel);
}

/// <summary>The run that an order in a document is about.</summary>
/// <param name="Run">The run.</param>
/// <param name="IsBegun">Whether the order began it; false where it had been begun already.</param>
public sealed record OrderedRun(PlanRun Run, bool IsBegun);

/// <summary>News of a run.</summary>
/// <param name="Run">The run as it stands; null where nothing changed there.</param>
/// <param name="Machines">Machines that changed, as they stand.</param>
public sealed record RunNews(PlanRun? Run, IReadOnlyList<MachineRun> Machines);

/// <summary>What validation says.</summary>
/// <param name="Problems">Of the plan as a whole.</param>
/// <param name="Machines">Of each machine, in the order of the plan.</param>
public sealed record PlanReport(IReadOnlyList<PlanProblem> Problems, IReadOnlyList<MachineForecast> Machines)
{
    /// <summary>Whether the plan can be run.</summary>
    public bool CanRun => Problems.All(p => !p.IsObstacle) && Machines.All(m => m.Problems.All(p => !p.IsObstacle));

    /// <summary>The same, with the places of all that is said in the file of the plan.</summary>
    /// <param name="plan">The plan as it was read.</param>
    public PlanReport In(ReadDocument plan) => new([.. Problems.Select(p => p.In(plan))], [.. Machines.Select(m => m with { Problems = [.. m.Problems.Select(p => p.In(plan))] })]);
}

/// <summary>What would become of a machine.</summary>
/// <param name="Machine">What the plan calls it.</param>
/// <param name="TargetName">Its name at the target.</param>
/// <param name="Forecast">Its disks and steps; null where it could not be looked at.</param>
/// <param name="Problems">What speaks against it, or is worth knowing.</param>
public sealed record MachineForecast(string Machine, string TargetName, MigrationForecast? Forecast, IReadOnlyList<PlanProblem> Problems);

/// <summary>Something that speaks against a plan or a machine, or is worth knowing.</summary>
/// <param name="Code">An error code or the class of a concern.</param>
/// <param name="Field">Where in the plan, as <c>spec.vms[3].targetName</c>; empty where it is no one field.</param>
/// <param name="Said">What.</param>
/// <param name="NextStep">What to do.</param>
/// <param name="IsObstacle">Whether it stops the plan or the machine.</param>
public sealed record PlanProblem(string Code, string Field, string Said, string NextStep, bool IsObstacle)
{
    /// <summary>Where that is in the file that the plan came from, as <c>saturday.yaml:69:3</c>; empty where it came from none.</summary>
    public string Place { get; init; } = string.Empty;

    /// <summary>The same with its place.</summary>
    /// <param name="plan">The plan as it was read.</param>
    public PlanProblem In(ReadDocument plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var at = plan.Locate(Field);
        return this with { Place = string.Create(CultureInfo.InvariantCulture, $"{plan.File}:{at.Line}:{at.Column}") };
    }
}
