using System.Runtime.CompilerServices;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>
/// What migrations will meet, with all that the server knows besides the machines themselves: what the account may do, and which rules of
/// clusters bind them. The latter is read once; the former is asked for a batch of machines at a time.
/// </summary>
public sealed class VSphereExamination
{
    private const int BatchMachines = 50;
    private const int AskLimit = 3;

    private readonly VSphereClient client;
    private readonly InventoryNames names;
    private readonly AffinityRules rules;

    private VSphereExamination(VSphereClient client, InventoryNames names, AffinityRules rules) => (this.client, this.names, this.rules) = (client, names, rules);

    /// <summary>Reads what is the same for all machines.</summary>
    /// <param name="client">The server.</param>
    /// <param name="names">What folders, networks and the like are called.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<VSphereExamination> PrepareAsync(VSphereClient client, InventoryNames names, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        return new VSphereExamination(client, names, await AffinityRules.ReadAsync(client, cancel));
    }

    /// <summary>Every concern about one machine.</summary>
    /// <param name="client">The server.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="isWarm">Whether it is to run while it is copied.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<IReadOnlyList<Concern>> OfAsync(VSphereClient client, Machine machine, bool isWarm, CancellationToken cancel) =>
        VSphereConcerns.Of(machine, await ScopeOfAsync(client, machine, isWarm, cancel));

    /// <summary>What is known besides one machine, for whoever adds what the target has: maps, and names that are taken.</summary>
    /// <param name="client">The server.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="isWarm">Whether it is to run while it is copied.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<VSphereConcernScope> ScopeOfAsync(VSphereClient client, Machine machine, bool isWarm, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(machine);
        var examination = await PrepareAsync(client, await client.NamesAsync(cancel), cancel);
        return examination.ScopeOf(machine, isWarm, await examination.MissingAsync([machine], cancel));
    }

    /// <summary>Every concern about each machine of a list, which is passed on as it comes, some at a time.</summary>
    /// <param name="machines">The machines.</param>
    /// <param name="isWarm">Whether one is to run while it is copied.</param>
    /// <param name="complete">Adds to the scope of one what the target has; null for nothing.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<ExaminedMachine> EachAsync(IAsyncEnumerable<Machine> machines, Func<Machine, bool> isWarm, Func<Machine, VSphereConcernScope, VSphereConcernScope>? complete, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(machines);
        ArgumentNullException.ThrowIfNull(isWarm);
        var batch = new List<Machine>();
        await foreach (var machine in machines.WithCancellation(cancel))
        {
            batch.Add(machine);
            if (batch.Count < BatchMachines) continue;
            foreach (var examined in await OfBatchAsync(batch, isWarm, complete, cancel)) yield return examined;
            batch.Clear();
        }

        foreach (var examined in await OfBatchAsync(batch, isWarm, complete, cancel)) yield return examined;
    }

    /// <summary>Every concern about one machine, with what was read before.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="isWarm">Whether it is to run while it is copied.</param>
    /// <param name="complete">Adds to its scope what the target has; null for nothing.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async Task<ExaminedMachine> OfAsync(Machine machine, bool isWarm, Func<Machine, VSphereConcernScope, VSphereConcernScope>? complete, CancellationToken cancel) =>
        (await OfBatchAsync([machine], _ => isWarm, complete, cancel))[0];

    private async Task<IReadOnlyList<ExaminedMachine>> OfBatchAsync(List<Machine> batch, Func<Machine, bool> isWarm, Func<Machine, VSphereConcernScope, VSphereConcernScope>? complete, CancellationToken cancel)
    {
        if (batch.Count == 0) return [];
        var missing = await MissingAsync(batch, cancel);
        return [.. batch.Select(m =>
        {
            var scope = ScopeOf(m, isWarm(m), missing);
            return new ExaminedMachine(m, VSphereConcerns.Of(m, complete?.Invoke(m, scope) ?? scope));
        })];
    }

    private VSphereConcernScope ScopeOf(Machine machine, bool isWarm, IReadOnlyDictionary<ManagedReference, IReadOnlyList<string>>? missing) => new()
    {
        IsWarm = isWarm,
        Names = names,
        AffinityRules = rules.Of(machine.Reference),
        MissingPrivileges = missing is not null && missing.TryGetValue(machine.Reference, out var lacking) ? [.. VSpherePrivileges.Of(machine, isWarm).Intersect(lacking)] : [],
        Untold = missing is null ? [.. rules.Untold, "its own privileges"] : rules.Untold,
    };

    /// <summary>The privileges that are missing on machines; null where the server does not tell.</summary>
    private async Task<IReadOnlyDictionary<ManagedReference, IReadOnlyList<string>>?> MissingAsync(IReadOnlyCollection<Machine> machines, CancellationToken cancel)
    {
        for (var asked = 1; ; asked++)
        {
            try
            {
                return await client.MissingPrivilegesAsync([.. machines.Select(m => m.Reference)], VSpherePrivileges.All, cancel);
            }
            catch (VSphereException e) when (e.IsSessionLost && asked < AskLimit)
            {
                // The question names the session; a new one is open.
            }
            catch (VSphereException e) when (e.IsOutcomeUnknown && asked < AskLimit)
            {
                // It changes nothing: it is asked again.
            }
            catch (VSphereFaultException e) when (!e.Fault.IsNotAuthenticated && !e.Fault.IsInvalidLogin)
            {
                return null; // becomes a concern: what is not told may be wrong
            }
        }
    }
}

/// <summary>A machine with what its migration will meet.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Concerns">Every concern, the machine's own first.</param>
public sealed record ExaminedMachine(Machine Machine, IReadOnlyList<Concern> Concerns);
