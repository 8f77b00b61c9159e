using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;
using Sealift.Posix;

namespace Sealift.Server.Database;

/// <summary>The database that a server is set up with, opened and brought to the version of this program.</summary>
internal sealed class ServerStorage : IAsyncDisposable
{
    private const long AdvisoryLock = 0x5365614C5372; // "SeaLSr": whoever changes tables holds it

    private readonly DbDataSource source;

    private ServerStorage(DbDataSource source, bool isShared)
    {
        this.source = source;
        IsShared = isShared;
        Database = new ServerDatabase(source);
    }

    /// <summary>The tables.</summary>
    public ServerDatabase Database { get; }

    /// <summary>Whether several servers may use it.</summary>
    public bool IsShared { get; }

    /// <summary>Opens it.</summary>
    /// <exception cref="SealiftException">SL9020: it cannot be used. SL9021: it is of a newer version.</exception>
    public static async Task<ServerStorage> OpenAsync(ServerOptions options, CancellationToken cancel)
    {
        ServerStorage storage;
        try
        {
            storage = options.Database is { } text
                ? new ServerStorage(NpgsqlDataSource.Create(text), true)
                : new ServerStorage(SqliteFactory.Instance.CreateDataSource(Sqlite(options)), false);
        }
        catch (ArgumentException e)
        {
            // The text has a password in it: what is wrong is said without it.
            throw ServerErrors.BadSettings("the connection string of the database", $"it cannot be understood ({e.GetType().Name})");
        }

        try
        {
            await storage.PrepareAsync(cancel);
            return storage;
        }
        catch
        {
            await storage.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => source.DisposeAsync();

    private static string Sqlite(ServerOptions options)
    {
        PosixPath.EnsureDirectory(options.StateDirectory, 0x1C0 /* 0700 */);
        return new SqliteConnectionStringBuilder { DataSource = Path.Combine(options.StateDirectory, "server.db"), DefaultTimeout = 20 }.ToString();
    }

    private async Task PrepareAsync(CancellationToken cancel)
    {
        if (!IsShared)
        {
            // Not within a transaction. As the journal's: readers never wait, and torn pages are noticed.
            var mode = await Database.QueryAsync("PRAGMA journal_mode = WAL", r => r.GetString(0), cancel);
            if (mode is not ["wal"]) throw ServerErrors.DatabaseOdd($"it keeps journal mode {string.Join(", ", mode)}");
        }

        await Database.TransactAsync(MigrateAsync, cancel);
    }

    private async Task<int> MigrateAsync(Statements statements)
    {
        // One server changes tables at a time; SQLite's transactions are alone by themselves.
        if (IsShared) _ = await statements.QueryAsync("SELECT 1 FROM (SELECT pg_advisory_xact_lock(@lock)) AS held", r => r.GetInt32(0), ("lock", AdvisoryLock)); // it has nothing to say: it is held when it returns
        _ = await statements.ExecuteAsync("CREATE TABLE IF NOT EXISTS server_schema (version BIGINT PRIMARY KEY NOT NULL)"); // counts no rows
        var version = (await statements.QueryAsync("SELECT coalesce(max(version), 0) FROM server_schema", r => r.GetInt64(0)))[0];
        var changes = IsShared ? ServerSchema.PostgreSql : ServerSchema.Sqlite;
        if (version > changes.Count) throw ServerErrors.DatabaseNewer(version.ToString(CultureInfo.InvariantCulture));
        for (var change = (int)version; change < changes.Count; change++)
        {
            _ = await statements.ExecuteAsync(changes[change]); // counts no rows
            if (await statements.ExecuteAsync("INSERT INTO server_schema (version) VALUES (@version)", ("version", (long)change + 1)) != 1) throw ServerErrors.DatabaseOdd("it did not keep its version");
        }

        return changes.Count;
    }
}
