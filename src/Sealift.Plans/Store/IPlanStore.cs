using Sealift.Plans.Documents;
using Sealift.Plans.Runs;

namespace Sealift.Plans.Store;

/// <summary>
/// What plans, runs and their machines are kept in: one database, shared by all servers. Every method is one transaction that is
/// durable when it returns.
/// </summary>
public interface IPlanStore
{
    /// <summary>Documents of a kind, by name; plans that are archived among them.</summary>
    Task<IReadOnlyList<StoredDocument>> ListAsync(string kind, CancellationToken cancel);

    /// <summary>A document; null where there is none.</summary>
    Task<StoredDocument?> FindAsync(string kind, string name, CancellationToken cancel);

    /// <summary>Stores a document. One that says what is stored already changes nothing, its generation included.</summary>
    /// <param name="document">What to store.</param>
    /// <param name="expected">The generation that is replaced; 0 where there must be none; null for whatever is there.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="Posix.SealiftException">SL7623: it was changed by somebody else meanwhile. SL7648: it is of kind Migration.</exception>
    Task<StoredDocument> PutAsync(Document document, long? expected, CancellationToken cancel);

    /// <summary>Stores documents, all or none.</summary>
    /// <exception cref="Posix.SealiftException">SL7623: one of them was changed by somebody else meanwhile. SL7648: one is of kind Migration.</exception>
    Task<IReadOnlyList<StoredDocument>> PutAllAsync(IReadOnlyList<DocumentChange> changes, CancellationToken cancel);

    /// <summary>Removes a document.</summary>
    /// <exception cref="Posix.SealiftException">SL7625: it is named by another document. SL7626: it is a plan with a run that is not finished. SL7624: there is none.</exception>
    Task RemoveAsync(string kind, string name, CancellationToken cancel);

    /// <summary>Hides a plan that is done with from lists, or shows it again.</summary>
    Task SetArchivedAsync(string plan, bool archived, CancellationToken cancel);

    /// <summary>Begins a run, with all its machines waiting.</summary>
    /// <exception cref="Posix.SealiftException">SL7626: a run of this plan is not finished.</exception>
    Task<PlanRun> CreateRunAsync(PlanRun run, IReadOnlyList<MachineRun> machines, CancellationToken cancel);

    /// <summary>Runs, newest first, without their documents: <see cref="PlanRun.Documents"/> is empty.</summary>
    /// <param name="plan">Of one plan; null for all.</param>
    /// <param name="unfinishedOnly">Whether those that are over are left out.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Gives up.</param>
    Task<IReadOnlyList<PlanRun>> RunsAsync(string? plan, bool unfinishedOnly, int limit, CancellationToken cancel);

    /// <summary>A run by its id, with its documents; null where there is none.</summary>
    Task<PlanRun?> FindRunAsync(string id, CancellationToken cancel);

    /// <summary>The machines of a run, in the order of the plan.</summary>
    Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, CancellationToken cancel);

    /// <summary>A page of the machines of a run, in the order of the plan.</summary>
    /// <param name="run">The run.</param>
    /// <param name="from">The first, from 0.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Gives up.</param>
    Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, int from, int limit, CancellationToken cancel);

    /// <summary>A machine of a run; null where there is none.</summary>
    Task<MachineRun?> FindMachineAsync(string run, string machine, CancellationToken cancel);

    /// <summary>How many machines of a run stand where; states that none has are left out.</summary>
    Task<IReadOnlyDictionary<MachineRunState, int>> CountAsync(string run, CancellationToken cancel);

    /// <summary>Writes down where a run stands, by its lease's holder. Its plan and documents stay.</summary>
    /// <returns>False where it was to be finished, and orders are there that nobody answered: nothing is written then.</returns>
    /// <exception cref="Posix.SealiftException">SL7627: the lease was lost, or is over. SL7628: there is no such run. SL7626: it is opened again, and another run of its plan is not finished.</exception>
    Task<bool> UpdateAsync(PlanRun run, string owner, CancellationToken cancel);

    /// <summary>Writes down where machines stand, by the lease's holder.</summary>
    /// <exception cref="Posix.SealiftException">SL7627: the lease was lost, or is over. SL7628, SL7629: there is no such run or machine.</exception>
    Task UpdateAsync(string run, IReadOnlyList<MachineRun> machines, string owner, CancellationToken cancel);

    /// <summary>Takes, or keeps, the right to carry out a run: one owner at a time.</summary>
    /// <param name="run">The run.</param>
    /// <param name="owner">Who: unique to a process, so that one that was started again is somebody else.</param>
    /// <param name="duration">For how long; then somebody else may take it.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Whether it is <paramref name="owner"/>'s now.</returns>
    Task<bool> LeaseAsync(string run, string owner, TimeSpan duration, CancellationToken cancel);

    /// <summary>Gives the right back.</summary>
    Task ReleaseAsync(string run, string owner, CancellationToken cancel);

    /// <summary>Leaves a word for whoever carries out a run.</summary>
    /// <exception cref="Posix.SealiftException">SL7628, SL7629: there is no such run or machine. SL7672: the run is finished, and nobody would hear it.</exception>
    Task OrderAsync(RunOrder order, CancellationToken cancel);

    /// <summary>What was asked for and is not yet carried out, oldest first. It stays until <see cref="DropOrdersAsync"/>: each may be seen again after a crash, and bears it.</summary>
    Task<IReadOnlyList<StoredOrder>> OrdersAsync(string run, CancellationToken cancel);

    /// <summary>Drops orders, once what they mean is written down, by the lease's holder.</summary>
    /// <exception cref="Posix.SealiftException">The lease was lost.</exception>
    Task DropOrdersAsync(string run, IReadOnlyList<long> numbers, string owner, CancellationToken cancel);
}

/// <summary>An order as it is stored.</summary>
/// <param name="Number">Greater than those of the orders before it.</param>
/// <param name="Order">The order.</param>
public sealed record StoredOrder(long Number, RunOrder Order);

/// <summary>A document to be stored.</summary>
/// <param name="Document">The document.</param>
/// <param name="Expected">The generation that is replaced; 0 where there must be none; null for whatever is there.</param>
public sealed record DocumentChange(Document Document, long? Expected);

/// <summary>A document as it is stored.</summary>
/// <param name="Document">The document.</param>
/// <param name="Generation">1 at first, one more with each change.</param>
/// <param name="UpdatedAt">When it was last changed, in UTC.</param>
/// <param name="IsArchived">Whether it is hidden from lists.</param>
public sealed record StoredDocument(Document Document, long Generation, DateTimeOffset UpdatedAt, bool IsArchived);

/// <summary>Something asked of a run.</summary>
/// <param name="Run">The run.</param>
/// <param name="Kind">What.</param>
/// <param name="Machine">Of one machine; null for all.</param>
/// <param name="At">For a cutover: when; null for now.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RunOrder(string Run, RunOrderKind Kind, string? Machine, DateTimeOffset? At, string Actor)
{
    /// <summary>With a cutover or a retry: the windows of the plan as it is when this is asked, where they are not those of the run; empty for always.</summary>
    public IReadOnlyList<MaintenanceWindow>? Windows { get; init; }
}

/// <summary>What can be asked of a run.</summary>
public enum RunOrderKind
{
    /// <summary>Cut over.</summary>
    Cutover,

    /// <summary>Cancel.</summary>
    Cancel,

    /// <summary>Go on with the waves after one that failed.</summary>
    Continue,

    /// <summary>Try a machine that failed again: its migration is resumed where that can be, or begun anew.</summary>
    Retry,
}
