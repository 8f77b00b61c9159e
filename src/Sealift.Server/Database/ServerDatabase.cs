using System.Data.Common;
using Sealift.Posix;

namespace Sealift.Server.Database;

/// <summary>Users, sessions, tokens and the audit log, in the database of the plans: SQLite or PostgreSQL, by the same statements.</summary>
/// <remarks>Times are milliseconds since 1970 in UTC, lists of words are separated by spaces: both databases know these alike.</remarks>
internal sealed class ServerDatabase(DbDataSource source)
{
    /// <summary>One transaction, durable when it returns.</summary>
    /// <param name="work">What is done in it; rolled back where it throws.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<T> TransactAsync<T>(Func<Statements, Task<T>> work, CancellationToken cancel)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            var result = await work(new Statements(connection, transaction, cancel));
            await transaction.CommitAsync(cancel);
            return result;
        }
        catch (DbException e)
        {
            throw ServerErrors.DatabaseFailed(e);
        }
    }

    /// <summary>One statement that writes.</summary>
    /// <returns>How many rows it concerned.</returns>
    public Task<int> ExecuteAsync(string sql, CancellationToken cancel, params (string Name, object? Value)[] values) => TransactAsync(s => s.ExecuteAsync(sql, values), cancel);

    /// <summary>One statement that reads.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancel, params (string Name, object? Value)[] values)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            return await new Statements(connection, null, cancel).QueryAsync(sql, read, values);
        }
        catch (DbException e)
        {
            throw ServerErrors.DatabaseFailed(e);
        }
    }
}

/// <summary>Statements of one connection.</summary>
internal sealed class Statements(DbConnection connection, DbTransaction? transaction, CancellationToken cancel)
{
    /// <summary>One that writes.</summary>
    public async Task<int> ExecuteAsync(string sql, params (string Name, object? Value)[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>One that reads.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, params (string Name, object? Value)[] values)
    {
        await using var command = Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel)) rows.Add(read(reader));
        return rows;
    }

    private DbCommand Command(string sql, (string Name, object? Value)[] values)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
#pragma warning disable CA2100 // every text is a constant of this program; what users say comes as parameters
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }

        return command;
    }
}

/// <summary>How times stand in the database.</summary>
internal static class StoredTime
{
    /// <summary>Milliseconds since 1970, in UTC.</summary>
    public static long Of(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    /// <summary>A column as a time; null where it is.</summary>
    public static DateTimeOffset? OfColumn(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column));
}
