using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;

namespace Sealift.Plans.Store;

/// <summary>
/// Documents, runs and machines in a <see cref="PlanDatabase"/>.
/// </summary>
/// <remarks>
/// A lease is two columns of the run: whose, and until when by the database's clock, which is the only one that is compared (on PostgreSQL its
/// own; with a file the host's, which all that can open the file share). So no difference between the clocks of servers makes two of them
/// owners. One that was stopped longer than its lease and wakes up finds its writes refused: each is made only where the lease is its own and
/// not over, in the transaction that writes. What it does outside of the database meanwhile is kept apart by the lock of each migration.
/// </remarks>
/// <param name="database">The database; not disposed of.</param>
public sealed class PlanStore(PlanDatabase database) : IPlanStore
{
    private const string RunColumns = "id, plan, generation, state, wave, created_at, ended_at, actor";

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDocument>> ListAsync(string kind, CancellationToken cancel) => database.ReadAsync<IReadOnlyList<StoredDocument>>(
        async t => await t.QueryAsync("SELECT body, generation, updated_at, archived FROM plan_document WHERE kind = @a ORDER BY name", ReadDocument, cancel, kind), cancel);

    /// <inheritdoc/>
    public Task<StoredDocument?> FindAsync(string kind, string name, CancellationToken cancel) => database.ReadAsync(t => FindAsync(t, kind, name, cancel), cancel);

    /// <inheritdoc/>
    public async Task<StoredDocument> PutAsync(Document document, long? expected, CancellationToken cancel) =>
        (await PutAllAsync([new DocumentChange(document, expected)], cancel))[0];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredDocument>> PutAllAsync(IReadOnlyList<DocumentChange> changes, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return await database.WriteAsync<IReadOnlyList<StoredDocument>>(async t =>
        {
            var stored = new Dictionary<DocumentChange, StoredDocument>(ReferenceEqualityComparer.Instance);
            // In one order whoever writes: two that write the same documents wait for each other, and not for good.
            foreach (var change in changes.OrderBy(c => c.Document.Kind, StringComparer.Ordinal).ThenBy(c => c.Document.Metadata.Name, StringComparer.Ordinal)) stored[change] = await PutAsync(t, change, cancel);
            return [.. changes.Select(c => stored[c])];
        }, cancel);
    }

    /// <inheritdoc/>
    public async Task RemoveAsync(string kind, string name, CancellationToken cancel) => _ = await database.WriteAsync(async t => // it throws or is done
    {
        var by = await t.QueryAsync("SELECT kind, name FROM plan_reference WHERE target_kind = @a AND target_name = @b AND NOT (kind = @a AND name = @b) ORDER BY kind, name LIMIT 1", r => $"{r.GetString(0)} {r.GetString(1)}", cancel, kind, name);
        if (by.Count > 0) throw PlanStoreErrors.Named(kind, name, by[0]);
        if (kind == DocumentKind.Plan && await t.ScalarAsync("SELECT id FROM plan_run WHERE plan = @a AND state <> 'finished'", cancel, name) is not null) throw PlanStoreErrors.Unfinished(name);
        return await t.ExecuteAsync("DELETE FROM plan_document WHERE kind = @a AND name = @b", cancel, kind, name) == 1 ? true : throw PlanStoreErrors.Unknown(kind, name);
    }, cancel);

    /// <inheritdoc/>
    public async Task SetArchivedAsync(string plan, bool archived, CancellationToken cancel) => _ = await database.WriteAsync(async t => // it throws or is done
        await t.ExecuteAsync("UPDATE plan_document SET archived = @c WHERE kind = @a AND name = @b", cancel, DocumentKind.Plan, plan, archived ? 1L : 0L) == 1 ? true : throw PlanStoreErrors.Unknown(DocumentKind.Plan, plan), cancel);

    /// <inheritdoc/>
    public async Task<PlanRun> CreateRunAsync(PlanRun run, IReadOnlyList<MachineRun> machines, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(machines);
        return await database.WriteAsync(async t =>
        {
            try
            {
                await t.ExecuteAsync(
                    "INSERT INTO plan_run (id, plan, generation, state, wave, created_at, ended_at, actor) VALUES (@a, @b, @c, @d, @e, @f, @g, @h)", cancel,
                    run.Id, run.Plan, run.Generation, Word(run.State), (long)run.Wave, run.CreatedAt.ToUnixTimeMilliseconds(), run.EndedAt?.ToUnixTimeMilliseconds(), run.Actor);
            }
            catch (DbException e) when (database.IsTaken(e))
            {
                throw PlanStoreErrors.Unfinished(run.Plan);
            }

            await t.ExecuteAsync("INSERT INTO plan_run_documents (run, body) VALUES (@a, @b)", cancel, run.Id, JsonSerializer.Serialize(run.Documents, PlanJson.Default.IReadOnlyListDocument));
            await t.ExecuteManyAsync("INSERT INTO plan_machine (run, seq, machine, state, body) VALUES (@a, @b, @c, @d, @e)", machines.Select((m, i) => (object?[])[run.Id, (long)i, m.Machine, Word(m.State), BodyOf(m)]), cancel);
            return run;
        }, cancel);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<PlanRun>> RunsAsync(string? plan, bool unfinishedOnly, int limit, CancellationToken cancel)
    {
        var which = (plan is null ? "1 = 1" : "plan = @a") + (unfinishedOnly ? " AND state <> 'finished'" : string.Empty);
        return database.ReadAsync<IReadOnlyList<PlanRun>>(async t => await t.QueryAsync(
            $"SELECT {RunColumns} FROM plan_run WHERE {which} ORDER BY created_at DESC, id DESC LIMIT {limit.ToString(CultureInfo.InvariantCulture)}",
            ReadRun, cancel, plan is null ? [] : [plan]), cancel);
    }

    /// <inheritdoc/>
    public Task<PlanRun?> FindRunAsync(string id, CancellationToken cancel) => database.ReadAsync(async t =>
    {
        var runs = await t.QueryAsync($"SELECT {RunColumns}, body FROM plan_run JOIN plan_run_documents ON run = id WHERE id = @a", r => ReadRun(r) with { Documents = Decode(r.GetString(8), PlanJson.Default.IReadOnlyListDocument, $"the documents of run {id}") }, cancel, id);
        return runs.SingleOrDefault();
    }, cancel);

    /// <inheritdoc/>
    public Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, CancellationToken cancel) => MachinesAsync(run, 0, int.MaxValue, cancel);

    /// <inheritdoc/>
    public Task<IReadOnlyList<MachineRun>> MachinesAsync(string run, int from, int limit, CancellationToken cancel) => database.ReadAsync<IReadOnlyList<MachineRun>>(
        async t => await t.QueryAsync("SELECT body FROM plan_machine WHERE run = @a AND seq >= @b ORDER BY seq LIMIT @c", r => ReadMachine(r, run), cancel, run, (long)from, (long)limit), cancel);

    /// <inheritdoc/>
    public Task<MachineRun?> FindMachineAsync(string run, string machine, CancellationToken cancel) => database.ReadAsync(
        async t => (await t.QueryAsync("SELECT body FROM plan_machine WHERE run = @a AND machine = @b", r => ReadMachine(r, run), cancel, run, machine)).SingleOrDefault(), cancel);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<MachineRunState, int>> CountAsync(string run, CancellationToken cancel) => database.ReadAsync<IReadOnlyDictionary<MachineRunState, int>>(
        async t => (await t.QueryAsync("SELECT state, count(*) FROM plan_machine WHERE run = @a GROUP BY state", r => (State: StateOf<MachineRunState>(r.GetString(0)), Count: (int)r.GetInt64(1)), cancel, run)).ToDictionary(s => s.State, s => s.Count), cancel);

    /// <inheritdoc/>
    public Task<bool> UpdateAsync(PlanRun run, string owner, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(run);
        return database.WriteAsync(async t =>
        {
            // Locks the row of the run, as leaving an order does: so an order comes either before this and is seen, or after it and is refused.
            await DemandLeaseAsync(t, run.Id, owner, cancel);
            if (run.State == PlanRunState.Finished && await t.ScalarAsync("SELECT id FROM plan_order WHERE run = @a LIMIT 1", cancel, run.Id) is not null) return false;
            try
            {
                return await t.ExecuteAsync("UPDATE plan_run SET state = @b, wave = @c, ended_at = @d WHERE id = @a", cancel, run.Id, Word(run.State), (long)run.Wave, run.EndedAt?.ToUnixTimeMilliseconds()) == 1;
            }
            catch (DbException e) when (database.IsTaken(e))
            {
                throw PlanStoreErrors.Unfinished(run.Plan); // it was to be opened again, and a newer run of its plan is not finished
            }
        }, cancel);
    }

    /// <inheritdoc/>
    public async Task UpdateAsync(string run, IReadOnlyList<MachineRun> machines, string owner, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(machines);
        _ = await database.WriteAsync(async t => // it throws or is done
        {
            await DemandLeaseAsync(t, run, owner, cancel);
            var changed = await t.ExecuteManyAsync("UPDATE plan_machine SET state = @c, body = @d WHERE run = @a AND machine = @b", machines.Select(m => (object?[])[run, m.Machine, Word(m.State), BodyOf(m)]), cancel);
            if (changed == machines.Count) return true;
            foreach (var machine in machines)
                if (await t.ScalarAsync("SELECT seq FROM plan_machine WHERE run = @a AND machine = @b", cancel, run, machine.Machine) is null) throw PlanStoreErrors.UnknownMachine(run, machine.Machine);
            return true; // one came twice
        }, cancel);
    }

    /// <inheritdoc/>
    public Task<bool> LeaseAsync(string run, string owner, TimeSpan duration, CancellationToken cancel) => database.WriteAsync(async t =>
    {
        // The row is locked by the first of two, and looked at again by the second.
        if (await t.ExecuteAsync($"UPDATE plan_run SET owner = @b, lease_until = {t.Now} + @c WHERE id = @a AND (owner IS NULL OR owner = @b OR lease_until <= {t.Now})", cancel, run, owner, (long)duration.TotalMilliseconds) == 1) return true;
        return await t.ScalarAsync("SELECT id FROM plan_run WHERE id = @a", cancel, run) is null ? throw PlanStoreErrors.UnknownRun(run) : false;
    }, cancel);

    /// <inheritdoc/>
    public async Task ReleaseAsync(string run, string owner, CancellationToken cancel) =>
        _ = await database.WriteAsync(t => t.ExecuteAsync("UPDATE plan_run SET owner = NULL, lease_until = 0 WHERE id = @a AND owner = @b", cancel, run, owner), cancel); // no row: it was not ours any more, and is not now

    /// <inheritdoc/>
    public async Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(order);
        _ = await database.WriteAsync(async t => // it throws or is done
        {
            // A write and not a look: the run does not come to its end between this and the order.
            if (await t.ExecuteAsync("UPDATE plan_run SET writes = writes + 1 WHERE id = @a AND state <> 'finished'", cancel, order.Run) == 0)
                throw await t.ScalarAsync("SELECT id FROM plan_run WHERE id = @a", cancel, order.Run) is null ? PlanStoreErrors.UnknownRun(order.Run) : PlanErrors.NotNow(order.Kind, $"run {order.Run}", "it is finished");
            if (order.Machine is { } machine && await t.ScalarAsync("SELECT seq FROM plan_machine WHERE run = @a AND machine = @b", cancel, order.Run, machine) is null) throw PlanStoreErrors.UnknownMachine(order.Run, machine);
            return await t.ExecuteAsync("INSERT INTO plan_order (run, body) VALUES (@a, @b)", cancel, order.Run, JsonSerializer.Serialize(order, PlanJson.Default.RunOrder));
        }, cancel);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredOrder>> OrdersAsync(string run, CancellationToken cancel) => database.ReadAsync<IReadOnlyList<StoredOrder>>(
        async t => await t.QueryAsync("SELECT id, body FROM plan_order WHERE run = @a ORDER BY id", r => new StoredOrder(r.GetInt64(0), Decode(r.GetString(1), PlanJson.Default.RunOrder, $"an order of run {run}")), cancel, run), cancel);

    /// <inheritdoc/>
    public async Task DropOrdersAsync(string run, IReadOnlyList<long> numbers, string owner, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        _ = await database.WriteAsync(async t => // it throws or is done
        {
            await DemandLeaseAsync(t, run, owner, cancel);
            return await t.ExecuteManyAsync("DELETE FROM plan_order WHERE run = @a AND id = @b", numbers.Select(n => (object?[])[run, n]), cancel);
        }, cancel);
    }

    private async Task<StoredDocument> PutAsync(PlanTransaction t, DocumentChange change, CancellationToken cancel)
    {
        var (document, kind, name) = (change.Document, change.Document.Kind, change.Document.Metadata.Name);
        if (document is MigrationDocument) throw PlanErrors.RunIsOrdered(name);
        var body = DocumentKinds.ToJson(document).ToJsonString();
        // Locks the row where there is one: whoever else wants to change it waits, and then sees what we wrote.
        var there = await t.ExecuteAsync("UPDATE plan_document SET generation = generation WHERE kind = @a AND name = @b", cancel, kind, name) == 1;
        var found = there ? await FindRowAsync(t, kind, name, cancel) : null;
        if (change.Expected is { } expected && expected != (found?.Generation ?? 0)) throw PlanStoreErrors.Changed(kind, name, expected, found?.Generation ?? 0);
        if (found is not null && found.Body == body) return new StoredDocument(document, found.Generation, found.UpdatedAt, found.IsArchived);
        var generation = (found?.Generation ?? 0) + 1;
        try
        {
            await t.ExecuteAsync(
                found is null
                    ? $"INSERT INTO plan_document (kind, name, generation, updated_at, body) VALUES (@a, @b, @c, {t.Now}, @d)"
                    : $"UPDATE plan_document SET generation = @c, updated_at = {t.Now}, body = @d WHERE kind = @a AND name = @b",
                cancel, kind, name, generation, body);
        }
        catch (DbException e) when (found is null && database.IsTaken(e))
        {
            throw PlanStoreErrors.Changed(kind, name, 0, 1); // two made it at once, and we were the second
        }

        await t.ExecuteAsync("DELETE FROM plan_reference WHERE kind = @a AND name = @b", cancel, kind, name);
        await t.ExecuteManyAsync("INSERT INTO plan_reference (kind, name, field, target_kind, target_name) VALUES (@a, @b, @c, @d, @e)",
            DocumentReferences.Of(document).DistinctBy(r => (r.Kind, r.Name)).Select(r => (object?[])[kind, name, r.Field, r.Kind, r.Name]), cancel);
        var stored = (await FindRowAsync(t, kind, name, cancel))!;
        return new StoredDocument(document, stored.Generation, stored.UpdatedAt, stored.IsArchived);
    }

    private async Task<StoredDocument?> FindAsync(PlanTransaction t, string kind, string name, CancellationToken cancel) =>
        (await t.QueryAsync("SELECT body, generation, updated_at, archived FROM plan_document WHERE kind = @a AND name = @b", ReadDocument, cancel, kind, name)).SingleOrDefault();

    private static async Task<DocumentRow?> FindRowAsync(PlanTransaction t, string kind, string name, CancellationToken cancel) =>
        (await t.QueryAsync("SELECT body, generation, updated_at, archived FROM plan_document WHERE kind = @a AND name = @b", r => new DocumentRow(r.GetString(0), r.GetInt64(1), TimeOf(r, 2)!.Value, r.GetInt64(3) != 0), cancel, kind, name)).SingleOrDefault();

    private static async Task DemandLeaseAsync(PlanTransaction t, string run, string owner, CancellationToken cancel)
    {
        // A write and not a look: so nobody takes the lease before this transaction is over.
        if (await t.ExecuteAsync($"UPDATE plan_run SET writes = writes + 1 WHERE id = @a AND owner = @b AND lease_until > {t.Now}", cancel, run, owner) == 1) return;
        throw await t.ScalarAsync("SELECT id FROM plan_run WHERE id = @a", cancel, run) is null ? PlanStoreErrors.UnknownRun(run) : PlanStoreErrors.LeaseLost(run, owner);
    }

    private StoredDocument ReadDocument(DbDataReader r) =>
        new(Decode(r.GetString(0), PlanJson.Default.Document, "a document"), r.GetInt64(1), TimeOf(r, 2)!.Value, r.GetInt64(3) != 0);

    private PlanRun ReadRun(DbDataReader r) =>
        new(r.GetString(0), r.GetString(1), r.GetInt64(2), StateOf<PlanRunState>(r.GetString(3)), (int)r.GetInt64(4), TimeOf(r, 5)!.Value, TimeOf(r, 6), r.GetString(7), []);

    private MachineRun ReadMachine(DbDataReader r, string run) => Decode(r.GetString(0), PlanJson.Default.MachineRun, $"a machine of run {run}");

    private T Decode<T>(string json, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw PlanStoreErrors.Damaged(database.Place, $"{what} is null");
        }
        catch (JsonException e)
        {
            throw PlanStoreErrors.Damaged(database.Place, $"{what}: {e.Message}", e);
        }
    }

    private static string BodyOf(MachineRun machine) => JsonSerializer.Serialize(machine, PlanJson.Default.MachineRun);

    private static string Word<T>(T state)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(state.ToString());

    private T StateOf<T>(string word)
        where T : struct, Enum => Enum.TryParse<T>(word, ignoreCase: true, out var state) ? state : throw PlanStoreErrors.Damaged(database.Place, $"{word} is no state");

    private static DateTimeOffset? TimeOf(DbDataReader r, int column) => r.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(r.GetInt64(column));

    private sealed record DocumentRow(string Body, long Generation, DateTimeOffset UpdatedAt, bool IsArchived);
}
