using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Sealift.Plans.Store;

/// <summary>Where SQLite and PostgreSQL differ. All else is the same SQL.</summary>
internal abstract class DatabaseDialect
{
    /// <summary>The key that counts up by itself.</summary>
    public abstract string Id { get; }

    /// <summary>64 bits.</summary>
    public abstract string Long { get; }

    /// <summary>What follows a table whose types are checked.</summary>
    public abstract string Strict { get; }

    /// <summary>Whether its calls block their thread, whatever they are called.</summary>
    public abstract bool Blocks { get; }

    /// <summary>Milliseconds since 1970 by the clock that leases are measured with, as SQL.</summary>
    public abstract string Now { get; }

    /// <summary>Makes a fresh connection fit for use.</summary>
    public abstract Task PrepareAsync(DbConnection connection, CancellationToken cancel);

    /// <summary>What a transaction that writes begins with.</summary>
    public abstract Task BeginWriteAsync(PlanTransaction transaction, CancellationToken cancel);

    /// <summary>Keeps everybody else from changing the schema until the transaction is over.</summary>
    public abstract Task LockSchemaAsync(PlanTransaction transaction, CancellationToken cancel);

    /// <summary>Looks whether this is our database, before its schema is touched.</summary>
    public abstract Task ExamineAsync(PlanTransaction transaction, string place, CancellationToken cancel);

    /// <summary>Looks whether the whole of it is sound.</summary>
    public abstract Task DemandSoundAsync(PlanTransaction transaction, string place, CancellationToken cancel);

    /// <summary>Whether an error says that a row of this key is there already.</summary>
    public abstract bool IsTaken(DbException e);

    /// <summary>Whether an error says that a transaction met another, and may succeed when it is tried again.</summary>
    public abstract bool IsCollision(DbException e);

    /// <summary>Whether an error says that the database is damaged, or none.</summary>
    public abstract bool IsDamage(DbException e);

    /// <summary>The schema of a set in this dialect.</summary>
    public string Translate(string sql) => sql
        .Replace("{id}", Id, StringComparison.Ordinal)
        .Replace("{long}", Long, StringComparison.Ordinal)
        .Replace("{strict}", Strict, StringComparison.Ordinal);
}

/// <summary>SQLite, for one host. https://sqlite.org/lang.html.</summary>
/// <param name="time">The clock of leases. All processes that can open the file are on this host and have the same.</param>
internal sealed class SqliteDialect(TimeProvider time) : DatabaseDialect
{
    private const int ApplicationId = 0x5365504C; // "SePL": a database of somebody else is refused, not migrated

    public override string Id => "INTEGER PRIMARY KEY AUTOINCREMENT";

    public override string Long => "INTEGER";

    public override string Strict => "STRICT";

    public override bool Blocks => true;

    public override string Now => time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>As the journal of migrations: WAL, because others read while one writes; FULL, because with NORMAL a power cut may take back what was committed.</summary>
    public override async Task PrepareAsync(DbConnection connection, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA busy_timeout = 20000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
        _ = await command.ExecuteNonQueryAsync(cancel); // no rows are changed by settings
        command.CommandText = "PRAGMA journal_mode = WAL";
        if (await command.ExecuteScalarAsync(cancel) is not "wal") throw PlanStoreErrors.Damaged(connection.DataSource, "it cannot be switched to WAL: the file system may not support it");
    }

    public override Task BeginWriteAsync(PlanTransaction transaction, CancellationToken cancel) => Task.CompletedTask; // BEGIN IMMEDIATE took the lock

    public override Task LockSchemaAsync(PlanTransaction transaction, CancellationToken cancel) => Task.CompletedTask; // likewise

    public override async Task ExamineAsync(PlanTransaction transaction, string place, CancellationToken cancel)
    {
        var application = await transaction.ScalarAsync("PRAGMA application_id", cancel) is long a ? a : 0;
        var tables = await transaction.ScalarAsync("SELECT count(*) FROM sqlite_master", cancel) is long n ? n : 0;
        if (application == 0 && tables == 0) await transaction.ExecuteAsync($"PRAGMA application_id = {ApplicationId.ToString(CultureInfo.InvariantCulture)}", cancel);
        else if (application != ApplicationId) throw PlanStoreErrors.Damaged(place, "it is a database, but not one of plans");
    }

    public override async Task DemandSoundAsync(PlanTransaction transaction, string place, CancellationToken cancel)
    {
        if (await transaction.ScalarAsync("PRAGMA quick_check(1)", cancel) is not "ok") throw PlanStoreErrors.Damaged(place, "quick_check found damage");
    }

    public override bool IsTaken(DbException e) => e is SqliteException { SqliteExtendedErrorCode: 1555 or 2067 }; // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE

    public override bool IsCollision(DbException e) => false; // those that wait for the lock wait in SQLite

    public override bool IsDamage(DbException e) => e is SqliteException { SqliteErrorCode: 11 or 26 }; // SQLITE_CORRUPT, SQLITE_NOTADB
}

/// <summary>PostgreSQL 12 or newer, for several servers. Its client library is the caller's: only what ADO.NET has is used. https://www.postgresql.org/docs/15/errcodes-appendix.html.</summary>
internal sealed class PostgresDialect : DatabaseDialect
{
    private const long SchemaLock = 0x5365616C69667401; // "Sealift" and 1

    public override string Id => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";

    public override string Long => "BIGINT";

    public override string Strict => string.Empty;

    public override bool Blocks => false;

    /// <summary>The database's own clock: those of the servers may differ by more than a lease lasts.</summary>
    public override string Now => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

    public override Task PrepareAsync(DbConnection connection, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>Whatever the server's default: what is committed here stays committed.</summary>
    public override Task BeginWriteAsync(PlanTransaction transaction, CancellationToken cancel) => transaction.ExecuteAsync("SET LOCAL synchronous_commit TO on", cancel);

    public override async Task LockSchemaAsync(PlanTransaction transaction, CancellationToken cancel) =>
        _ = await transaction.ScalarAsync($"SELECT pg_advisory_xact_lock({SchemaLock.ToString(CultureInfo.InvariantCulture)})", cancel); // it answers nothing, and late

    public override Task ExamineAsync(PlanTransaction transaction, string place, CancellationToken cancel) => Task.CompletedTask; // it looks after itself; our tables have names of their own

    public override Task DemandSoundAsync(PlanTransaction transaction, string place, CancellationToken cancel) => Task.CompletedTask; // likewise

    public override bool IsTaken(DbException e) => e.SqlState == "23505"; // unique_violation

    public override bool IsCollision(DbException e) => e.SqlState is "40001" or "40P01"; // serialization_failure, deadlock_detected

    public override bool IsDamage(DbException e) => e.SqlState is "XX001" or "XX002"; // data_corrupted, index_corrupted
}
