using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Sealift.Posix;

namespace Sealift.Plans.Store;

/// <summary>
/// The database behind plans: a file of SQLite's for one server, or PostgreSQL for several. Reads and writes are transactions; what was written
/// is durable. Errors of the database come as <see cref="SealiftException"/>, and what failed can be tried again: nothing is kept that a lost
/// connection would spoil.
/// </summary>
public sealed class PlanDatabase : IAsyncDisposable
{
    private const int Attempts = 5;

    private readonly DbDataSource source;
    private readonly DatabaseDialect dialect;
    // SQLite has one writer at a time: those of this process wait here, where it costs nothing, and not in its busy loop.
    private readonly SemaphoreSlim? writer;

    private PlanDatabase(DbDataSource source, DatabaseDialect dialect, string place)
    {
        (this.source, this.dialect, Place) = (source, dialect, place);
        writer = dialect.Blocks ? new SemaphoreSlim(1) : null;
    }

    /// <summary>The file, or the server and the database; for errors.</summary>
    public string Place { get; }

    /// <summary>Called before every statement that writes. Tests simulate a crash with it.</summary>
    internal Action? BeforeWrite { get; set; }

    /// <summary>Called with every fresh connection. Tests take away its room, or its right to write.</summary>
    internal Func<DbConnection, Task>? AfterConnect { get; set; }

    /// <summary>The name of the file in a state directory.</summary>
    public static string FileName => "plans.db";

    /// <summary>Opens a file, and makes it where there is none.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="sets">The tables that are wanted; <see cref="SchemaSet.Plans"/> among them.</param>
    /// <param name="time">The clock of leases; null for the system's.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL7620: it is damaged, or not ours; nothing was deleted. SL7621: a newer Sealift made it. SL7622: it cannot be used.</exception>
    public static Task<PlanDatabase> OpenSqliteAsync(string path, IReadOnlyList<SchemaSet> sets, TimeProvider? time, CancellationToken cancel)
    {
        var full = Path.GetFullPath(path);
        PosixPath.EnsureDirectory(Path.GetDirectoryName(full)!, 0x1C0 /* 0700 */);
        var connection = new SqliteConnectionStringBuilder { DataSource = full, Pooling = false, ForeignKeys = true, DefaultTimeout = 20 }.ToString();
        return OpenAsync(new PlanDatabase(SqliteFactory.Instance.CreateDataSource(connection), new SqliteDialect(time ?? TimeProvider.System), full), sets, cancel);
    }

    /// <summary>Opens a database of PostgreSQL's.</summary>
    /// <param name="source">Connections to it; they are the caller's, and are not disposed of.</param>
    /// <param name="place">Server and database, for errors; without a password.</param>
    /// <param name="sets">The tables that are wanted; <see cref="SchemaSet.Plans"/> among them.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL7621: a newer Sealift made it. SL7622: it cannot be used.</exception>
    public static Task<PlanDatabase> OpenPostgresAsync(DbDataSource source, string place, IReadOnlyList<SchemaSet> sets, CancellationToken cancel) =>
        OpenAsync(new PlanDatabase(source, new PostgresDialect(), place), sets, cancel);

    /// <summary>Reads.</summary>
    /// <exception cref="SealiftException">SL7620, SL7622.</exception>
    public Task<T> ReadAsync<T>(Func<PlanTransaction, Task<T>> work, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(work);
        return OnThreadAsync(() => TriedAsync(async () =>
        {
            await using var connection = await ConnectAsync(cancel);
            return await work(new PlanTransaction(connection, null, dialect, null));
        }, cancel), cancel);
    }

    /// <summary>Writes, all or nothing. The work may be done several times where it meets others.</summary>
    /// <exception cref="SealiftException">SL7620, SL7622, and what the work throws.</exception>
    public Task<T> WriteAsync<T>(Func<PlanTransaction, Task<T>> work, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(work);
        return OnThreadAsync(() => TriedAsync(() => WriteOnceAsync(work, cancel), cancel), cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (dialect.Blocks) await source.DisposeAsync(); // PostgreSQL's is the caller's
        writer?.Dispose();
    }

    /// <summary>Whether an error says that a row of this key is there already.</summary>
    internal bool IsTaken(DbException e) => dialect.IsTaken(e);

    private static async Task<PlanDatabase> OpenAsync(PlanDatabase database, IReadOnlyList<SchemaSet> sets, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(sets);
        try
        {
            _ = await database.WriteAsync(async t => // nothing comes of it: it throws or is done
            {
                await database.dialect.LockSchemaAsync(t, cancel);
                await database.dialect.ExamineAsync(t, database.Place, cancel);
                return await t.ExecuteAsync(database.dialect.Translate("CREATE TABLE IF NOT EXISTS sealift_schema (name TEXT PRIMARY KEY NOT NULL, version {long} NOT NULL, applied_at {long} NOT NULL) {strict}"), cancel);
            }, cancel);
            // Not within the transaction: a long file on a slow disk takes its time, and nobody else could write all the while.
            _ = await database.ReadAsync(async t => // likewise
            {
                await database.dialect.DemandSoundAsync(t, database.Place, cancel);
                return true;
            }, cancel);
            foreach (var set in sets)
                while (await database.WriteAsync(t => database.MigrateAsync(t, set, cancel), cancel))
                {
                    // Each version is a transaction of its own.
                }
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }

        return database;
    }

    /// <summary>Goes up by one version.</summary>
    /// <returns>Whether it did: false where all is as it should be.</returns>
    private async Task<bool> MigrateAsync(PlanTransaction transaction, SchemaSet set, CancellationToken cancel)
    {
        await dialect.LockSchemaAsync(transaction, cancel); // somebody else may be at it: then all is done when we come in
        var version = await transaction.ScalarAsync("SELECT version FROM sealift_schema WHERE name = @a", cancel, set.Name) is { } found ? Convert.ToInt64(found, CultureInfo.InvariantCulture) : 0;
        if (version > set.Steps.Count) throw PlanStoreErrors.TooNew(Place, set.Name, version, set.Steps.Count);
        if (version == set.Steps.Count) return false;
        await transaction.ExecuteAsync(dialect.Translate(set.Steps[(int)version]), cancel);
        var noted = await transaction.ExecuteAsync($"INSERT INTO sealift_schema (name, version, applied_at) VALUES (@a, @b, {transaction.Now}) ON CONFLICT (name) DO UPDATE SET version = @b, applied_at = {transaction.Now}", cancel, set.Name, version + 1);
        return noted == 1 ? true : throw PlanStoreErrors.Damaged(Place, $"the version of {set.Name} could not be noted");
    }

    private async Task<T> WriteOnceAsync<T>(Func<PlanTransaction, Task<T>> work, CancellationToken cancel)
    {
        if (writer is not null) await writer.WaitAsync(cancel);
        try
        {
            await using var connection = await ConnectAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            var writing = new PlanTransaction(connection, transaction, dialect, BeforeWrite);
            await dialect.BeginWriteAsync(writing, cancel);
            var result = await work(writing);
            BeforeWrite?.Invoke();
            await transaction.CommitAsync(CancellationToken.None); // whether it was heard must not depend on when somebody lost patience
            return result;
        }
        finally
        {
            if (writer is not null) _ = writer.Release(); // how many were free before is of no use
        }
    }

    private async Task<DbConnection> ConnectAsync(CancellationToken cancel)
    {
        var connection = await source.OpenConnectionAsync(cancel);
        try
        {
            await dialect.PrepareAsync(connection, cancel);
            if (AfterConnect is { } after) await after(connection);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<T> TriedAsync<T>(Func<Task<T>> work, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (DbException e) when (dialect.IsCollision(e) && attempt < Attempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20 * attempt), cancel);
            }
            catch (DbException e)
            {
                throw dialect.IsDamage(e) ? PlanStoreErrors.Damaged(Place, e.Message, e) : PlanStoreErrors.Failed(Place, e);
            }
        }
    }

    private Task<T> OnThreadAsync<T>(Func<Task<T>> work, CancellationToken cancel) => dialect.Blocks ? Task.Run(work, cancel) : work();
}
