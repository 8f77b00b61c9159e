using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Data.Sqlite;
using Sealift.Disks;
using Sealift.Migrations.Steps;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>
/// What survives a crash: plans, steps, artefacts, verdicts, in one SQLite database. Every method is one transaction that is on
/// stable storage when it returns.
/// </summary>
/// <remarks>
/// WAL, because <c>list</c> and <c>cancel</c> come from other processes while a migration writes, and because its frames carry
/// checksums: a torn page is noticed and dropped, not read. synchronous=FULL, because with WAL's usual NORMAL a commit may be
/// lost in a power cut, and a step would act that the journal knows nothing of.
/// </remarks>
internal sealed class Journal : IDisposable
{
    private const int SchemaVersion = 2;
    private const int ApplicationId = 0x5365614C; // "SeaL": a database of somebody else is refused, not migrated

    private const string Schema = """
        CREATE TABLE migration (
            id TEXT PRIMARY KEY NOT NULL,
            created_at TEXT NOT NULL,
            request TEXT NOT NULL,
            machine TEXT NOT NULL DEFAULT '',
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            commit_decided INTEGER NOT NULL DEFAULT 0,
            final_failure INTEGER NOT NULL DEFAULT 0,
            outcome TEXT,
            ended_at TEXT) STRICT;
        CREATE TABLE step (
            migration TEXT NOT NULL REFERENCES migration(id) ON DELETE CASCADE,
            seq INTEGER NOT NULL,
            name TEXT NOT NULL,
            disk TEXT NOT NULL,
            state TEXT NOT NULL,
            started_at TEXT,
            ended_at TEXT,
            elapsed_seconds REAL NOT NULL DEFAULT 0,
            summary TEXT NOT NULL DEFAULT '',
            result TEXT,
            PRIMARY KEY (migration, name, disk)) STRICT;
        CREATE TABLE artefact (
            migration TEXT NOT NULL REFERENCES migration(id) ON DELETE CASCADE,
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            path TEXT NOT NULL,
            kind TEXT NOT NULL,
            device TEXT NOT NULL DEFAULT '0',
            inode TEXT NOT NULL DEFAULT '0',
            handed_over INTEGER NOT NULL DEFAULT 0,
            UNIQUE (migration, path)) STRICT;
        """ + WarmSchema;

    // Since version 2.
    private const string WarmSchema = """
        CREATE TABLE pass (
            migration TEXT NOT NULL REFERENCES migration(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            record TEXT NOT NULL,
            PRIMARY KEY (migration, number)) STRICT;
        CREATE TABLE steering (
            migration TEXT PRIMARY KEY NOT NULL REFERENCES migration(id) ON DELETE CASCADE,
            cutover_at TEXT,
            paused INTEGER NOT NULL DEFAULT 0,
            interval_seconds REAL) STRICT;
        """;

    // As long as what follows of one operation that a lock stopped: it shall fail at once, and not wait for that lock again and again.
    private static readonly TimeSpan LockMemory = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private readonly SqliteConnection connection;
    private readonly string path;
    private SealiftException? locksFailed;
    private long locksFailedAt;

    public Journal(string path)
    {
        this.path = path;
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = true, DefaultTimeout = 20 }.ToString());
        try
        {
            connection.Open();
            Prepare();
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw Translate(e);
        }
        catch (SealiftException)
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Called before every statement that writes. Tests simulate a crash with it: from the throw on, this process writes nothing more.</summary>
    internal Action? BeforeWrite { get; set; }

    public void Insert(string id, MigrationRequest request) => Do(() => Execute(
        "INSERT INTO migration (id, created_at, request) VALUES ($id, $at, $request)",
        ("$id", id), ("$at", Now()), ("$request", JsonSerializer.Serialize(request, MigrationJson.Default.MigrationRequest))));

    public bool Exists(string id) => Do(() => Scalar("SELECT count(*) FROM migration WHERE id = $id", ("$id", id)) is > 0L);

    public IReadOnlyList<MigrationRow> Migrations() => Do(() => Query(
        "SELECT id, created_at, request, machine, cancel_requested, commit_decided, final_failure, outcome, ended_at FROM migration ORDER BY created_at, id",
        ReadMigration));

    public MigrationRow Migration(string id) => Do(() => Query(
        "SELECT id, created_at, request, machine, cancel_requested, commit_decided, final_failure, outcome, ended_at FROM migration WHERE id = $id",
        ReadMigration, ("$id", id)).SingleOrDefault()) ?? throw MigrationErrors.Unknown(id);

    public void SetMachine(string id, string machine) =>
        Do(() => Execute("UPDATE migration SET machine = $machine WHERE id = $id", ("$id", id), ("$machine", machine)));

    /// <summary>Whether the seal, the last act of a migration, was written.</summary>
    public bool IsSealed(string id) => Steps(id).Any(s => s is { Step.Step: StepName.Seal, State: StepState.Done });

    public void RequestCancel(string id) => Do(() => Execute("UPDATE migration SET cancel_requested = 1 WHERE id = $id", ("$id", id)));

    public bool IsCancelRequested(string id) => Do(() => Scalar("SELECT cancel_requested FROM migration WHERE id = $id", ("$id", id)) is 1L);

    /// <summary>From here on every overlay is committed, whatever happens: the one transaction that makes the commit atomic across disks.</summary>
    public void DecideCommit(string id) => Do(() => Execute("UPDATE migration SET commit_decided = 1 WHERE id = $id", ("$id", id)));

    public void Finish(string id, MigrationOutcome outcome, bool final) => Do(() => Execute(
        "UPDATE migration SET outcome = $outcome, ended_at = $at, final_failure = $final WHERE id = $id",
        ("$id", id), ("$at", Now()), ("$final", final ? 1 : 0), ("$outcome", JsonSerializer.Serialize(outcome, MigrationJson.Default.MigrationOutcome))));

    public void Reopen(string id) => Do(() => Execute("UPDATE migration SET outcome = NULL, ended_at = NULL WHERE id = $id", ("$id", id)));

    public void Delete(string id) => Do(() => Execute("DELETE FROM migration WHERE id = $id", ("$id", id)));

    public void Plan(string id, IReadOnlyList<PlannedStep> steps) => Do(() =>
    {
        using var transaction = connection.BeginTransaction();
        for (var i = 0; i < steps.Count; i++)
            Execute("INSERT INTO step (migration, seq, name, disk, state) VALUES ($id, $seq, $name, $disk, 'Planned') ON CONFLICT DO NOTHING",
                ("$id", id), ("$seq", i), ("$name", steps[i].Step), ("$disk", steps[i].Disk));
        transaction.Commit();
        return 0;
    });

    public void StepStarted(string id, PlannedStep step) => Do(() => Execute(
        "UPDATE step SET state = 'Started', started_at = $at, ended_at = NULL, summary = '' WHERE migration = $id AND name = $name AND disk = $disk",
        ("$id", id), ("$name", step.Step), ("$disk", step.Disk), ("$at", Now())));

    public void StepDone(string id, PlannedStep step, TimeSpan elapsed, string summary, string result) => Do(() => Execute(
        "UPDATE step SET state = 'Done', ended_at = $at, elapsed_seconds = elapsed_seconds + $elapsed, summary = $summary, result = $result WHERE migration = $id AND name = $name AND disk = $disk",
        ("$id", id), ("$name", step.Step), ("$disk", step.Disk), ("$at", Now()), ("$elapsed", elapsed.TotalSeconds), ("$summary", summary), ("$result", result)));

    public void StepFailed(string id, PlannedStep step, TimeSpan elapsed, string summary) => Do(() => Execute(
        "UPDATE step SET state = 'Failed', ended_at = $at, elapsed_seconds = elapsed_seconds + $elapsed, summary = $summary WHERE migration = $id AND name = $name AND disk = $disk",
        ("$id", id), ("$name", step.Step), ("$disk", step.Disk), ("$at", Now()), ("$elapsed", elapsed.TotalSeconds), ("$summary", summary)));

    /// <summary>The devices and exports that other migrations have claimed, whatever became of them, by the results of their preflights.</summary>
    /// <param name="except">The migration that asks.</param>
    public IReadOnlyList<(string Migration, PreflightResult Claimed)> Claims(string except) => Do(() => Query<(string, PreflightResult)>(
        "SELECT migration, result FROM step WHERE name = $name AND result IS NOT NULL AND migration <> $id",
        r => (r.GetString(0), Decode(r.GetString(1), JournalJson.Default.PreflightResult, $"the preflight of {r.GetString(0)}")),
        ("$name", StepName.Preflight), ("$id", except)));

    /// <summary>Keeps the result of a preflight before its step is done: others see what it claims from here on.</summary>
    /// <param name="id">The migration.</param>
    /// <param name="result">Its result.</param>
    /// <param name="demand">Throws where another has claimed one of them: asked and kept in one transaction, which one of two gets.</param>
    public void ClaimPlaces(string id, string result, Action demand) => Do(() =>
    {
        using var transaction = connection.BeginTransaction(); // immediate: nobody else writes from here on
        demand();
        _ = Execute("UPDATE step SET result = $result WHERE migration = $id AND name = $name", ("$id", id), ("$name", StepName.Preflight), ("$result", result)); // its own row, which is there
        transaction.Commit();
        return 0;
    });

    /// <summary>Sends steps back to planned: their results are void. What they took so far is kept.</summary>
    public void Forget(string id, string? disk, IReadOnlyList<string> names) => Do(() =>
    {
        using var transaction = connection.BeginTransaction();
        foreach (var name in names)
            Execute("UPDATE step SET state = 'Planned', result = NULL, summary = '', started_at = NULL, ended_at = NULL WHERE migration = $id AND name = $name AND (disk = $disk OR $all)", ("$id", id), ("$name", name), ("$disk", disk ?? string.Empty), ("$all", disk is null ? 1 : 0));
        transaction.Commit();
        return 0;
    });

    public IReadOnlyList<StepRow> Steps(string id) => Do(() => Query(
        "SELECT name, disk, state, started_at, ended_at, elapsed_seconds, summary, result FROM step WHERE migration = $id ORDER BY seq",
        r => new StepRow(
            new PlannedStep(r.GetString(0), r.GetString(1)),
            Enum.Parse<StepState>(r.GetString(2)),
            ReadTime(r, 3),
            ReadTime(r, 4),
            r.GetDouble(5),
            r.GetString(6),
            r.IsDBNull(7) ? null : r.GetString(7)),
        ("$id", id)));

    /// <summary>A pass that is about to begin.</summary>
    public void PassPlanned(string id, PassRecord pass) => Do(() => Execute(
        "INSERT INTO pass (migration, number, record) VALUES ($id, $number, $record)",
        ("$id", id), ("$number", pass.Number), ("$record", JsonSerializer.Serialize(pass, JournalJson.Default.PassRecord))));

    /// <summary>A pass that came to its end.</summary>
    public void PassDone(string id, PassRecord pass) => Do(() => Execute(
        "UPDATE pass SET record = $record WHERE migration = $id AND number = $number",
        ("$id", id), ("$number", pass.Number), ("$record", JsonSerializer.Serialize(pass, JournalJson.Default.PassRecord))));

    public IReadOnlyList<PassRecord> Passes(string id) => Do(() => Query(
        "SELECT record FROM pass WHERE migration = $id ORDER BY number", r => Decode(r.GetString(0), JournalJson.Default.PassRecord, $"a pass of {id}"), ("$id", id)));

    public void Steer(string id, Steering steering) => Do(() => Execute(
        "INSERT INTO steering (migration, cutover_at, paused, interval_seconds) VALUES ($id, $at, $paused, $interval) ON CONFLICT (migration) DO UPDATE SET cutover_at = $at, paused = $paused, interval_seconds = $interval",
        ("$id", id), ("$at", steering.CutoverAt is { } at ? at.UtcDateTime.ToString("O", CultureInfo.InvariantCulture) : DBNull.Value), ("$paused", steering.IsPaused ? 1 : 0), ("$interval", steering.Interval is { } interval ? interval.TotalSeconds : DBNull.Value)));

    public Steering Steering(string id) => Do(() => Query(
        "SELECT cutover_at, paused, interval_seconds FROM steering WHERE migration = $id",
        r => new Steering(ReadTime(r, 0), r.GetInt64(1) != 0, r.IsDBNull(2) ? null : TimeSpan.FromSeconds(r.GetDouble(2))),
        ("$id", id)).SingleOrDefault()) ?? new Steering(null, false, null);

    /// <summary>Names a file before it is made (or made anew): its identity is not known then.</summary>
    public void Claim(string id, string artefact, string kind) => Do(() => Execute(
        "INSERT INTO artefact (migration, path, kind) VALUES ($id, $path, $kind) ON CONFLICT (migration, path) DO UPDATE SET kind = $kind, device = '0', inode = '0', handed_over = 0",
        ("$id", id), ("$path", artefact), ("$kind", kind)));

    /// <summary>Records the identity of a file that now exists, or of one that is about to be renamed to this path.</summary>
    public void Own(string id, string artefact, string kind, FileFacts facts, bool handedOver = false) => Own(id, artefact, kind, facts.Device, facts.Inode, handedOver);

    /// <summary>The same of a file of another host.</summary>
    public void Own(string id, string artefact, string kind, ulong device, ulong inode, bool handedOver = false) => Do(() => Execute(
        "INSERT INTO artefact (migration, path, kind, device, inode, handed_over) VALUES ($id, $path, $kind, $device, $inode, $handed) ON CONFLICT (migration, path) DO UPDATE SET kind = $kind, device = $device, inode = $inode, handed_over = $handed",
        ("$id", id), ("$path", artefact), ("$kind", kind),
        ("$device", device.ToString(CultureInfo.InvariantCulture)), ("$inode", inode.ToString(CultureInfo.InvariantCulture)), ("$handed", handedOver ? 1 : 0)));

    public void Disown(string id, string artefact) =>
        Do(() => Execute("DELETE FROM artefact WHERE migration = $id AND path = $path", ("$id", id), ("$path", artefact)));

    public void MarkHandedOver(string id, IReadOnlyList<string> paths) => Do(() =>
    {
        using var transaction = connection.BeginTransaction();
        foreach (var path in paths) Execute("UPDATE artefact SET handed_over = 1 WHERE migration = $id AND path = $path", ("$id", id), ("$path", path));
        transaction.Commit();
        return 0;
    });

    public IReadOnlyList<ArtefactRecord> Artefacts(string id) => Do(() => Query(
        "SELECT path, kind, handed_over, device, inode FROM artefact WHERE migration = $id ORDER BY seq",
        r => new ArtefactRecord(r.GetString(0), r.GetString(1), r.GetInt64(2) != 0,
            ulong.Parse(r.GetString(3), CultureInfo.InvariantCulture), ulong.Parse(r.GetString(4), CultureInfo.InvariantCulture)),
        ("$id", id)));

    /// <summary>A value out of the journal's JSON.</summary>
    public T Decode<T>(string json, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw MigrationErrors.JournalDamaged(path, $"{what} is null");
        }
        catch (JsonException e)
        {
            throw MigrationErrors.JournalDamaged(path, $"{what}: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        lock (gate) connection.Dispose();
    }

    private void Prepare()
    {
        Execute("PRAGMA synchronous = FULL");
        if (Scalar("PRAGMA journal_mode = WAL") is not "wal") throw MigrationErrors.JournalDamaged(path, "it cannot be switched to WAL: the file system may not support it");
        using var transaction = connection.BeginTransaction();
        var version = Scalar("PRAGMA user_version") is long v ? v : 0;
        var application = Scalar("PRAGMA application_id") is long a ? a : 0;
        var tables = Scalar("SELECT count(*) FROM sqlite_master") is long n ? n : 0;
        if (version == 0 && application == 0 && tables == 0)
        {
            Execute(Schema);
            Execute($"PRAGMA application_id = {ApplicationId}");
            Execute($"PRAGMA user_version = {SchemaVersion}");
            transaction.Commit();
            return;
        }

        if (application != ApplicationId) throw MigrationErrors.JournalDamaged(path, "it is a database, but not one of Sealift's");
        if (version > SchemaVersion) throw MigrationErrors.JournalTooNew(path, version, SchemaVersion);
        if (version == 1)
        {
            DemandSound(); // nothing is built on one that is damaged
            Execute(WarmSchema);
            Execute($"PRAGMA user_version = {SchemaVersion}");
        }

        transaction.Commit();
        // Not before: a long journal on a slow disk takes its time, and nobody else could write all the while.
        DemandSound();
    }

    /// <summary>Looks at all of the journal: mostly it is a few hundred KiB, and that keeps a damaged one from being trusted.</summary>
    private void DemandSound()
    {
        if (Scalar("PRAGMA quick_check(1)") is not "ok") throw MigrationErrors.JournalDamaged(path, "quick_check found damage");
    }

    private MigrationRow ReadMigration(SqliteDataReader r)
    {
        var id = r.GetString(0);
        return new MigrationRow(
            id,
            ReadTime(r, 1) ?? DateTimeOffset.UnixEpoch,
            Decode(r.GetString(2), MigrationJson.Default.MigrationRequest, $"the plan of {id}"),
            r.GetString(3),
            r.GetInt64(4) != 0,
            r.GetInt64(5) != 0,
            r.GetInt64(6) != 0,
            r.IsDBNull(7) ? null : Decode(r.GetString(7), MigrationJson.Default.MigrationOutcome, $"the outcome of {id}"),
            ReadTime(r, 8));
    }

    private static DateTimeOffset? ReadTime(SqliteDataReader r, int column) =>
        r.IsDBNull(column) ? null : DateTimeOffset.Parse(r.GetString(column), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    private static string Now() => DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture);

    private T Do<T>(Func<T> action)
    {
        lock (gate)
        {
            if (locksFailed is not null && Stopwatch.GetElapsedTime(locksFailedAt) < LockMemory) throw locksFailed;
            locksFailed = null;
            try
            {
                return action();
            }
            catch (SqliteException e)
            {
                const int Busy = 5, LockingProtocol = 15;
                var failure = Translate(e);
                // Tried for ten or twenty seconds by then, and so would every further call of the same operation be. But whoever has the lock may
                // be slow and no more: after a while it is tried again, for a process that goes on for months.
                if (e.SqliteErrorCode is Busy or LockingProtocol) (locksFailed, locksFailedAt) = (failure, Stopwatch.GetTimestamp());
                throw failure;
            }
        }
    }

    private SealiftException Translate(SqliteException e)
    {
        const int Corrupt = 11, NotADatabase = 26;
        return e.SqliteErrorCode is Corrupt or NotADatabase ? MigrationErrors.JournalDamaged(path, e.Message, e) : MigrationErrors.JournalFailed(path, e);
    }

    private int Execute(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        BeforeWrite?.Invoke();
        using var command = Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    private object? Scalar(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteScalar();
    }

    private List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = Command(sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(read(reader));
        return rows;
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // every statement is a literal in this file; values are parameters
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }
}

/// <summary>A migration as the journal has it.</summary>
internal sealed record MigrationRow(
    string Id,
    DateTimeOffset CreatedAt,
    MigrationRequest Request,
    string Machine,
    bool CancelRequested,
    bool CommitDecided,
    bool FinalFailure,
    MigrationOutcome? Outcome,
    DateTimeOffset? EndedAt);

/// <summary>A step as the journal has it.</summary>
internal sealed record StepRow(
    PlannedStep Step,
    StepState State,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt,
    double ElapsedSeconds,
    string Summary,
    string? Result);
