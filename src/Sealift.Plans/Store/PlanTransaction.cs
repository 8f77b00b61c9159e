using System.Data.Common;

namespace Sealift.Plans.Store;

/// <summary>Statements within one transaction. Parameters are <c>@a</c>, <c>@b</c> … in the order of their values.</summary>
public sealed class PlanTransaction
{
    private const int BatchCommands = 500;

    private readonly DbConnection connection;
    private readonly DbTransaction? transaction;
    private readonly DatabaseDialect dialect;
    private readonly Action? beforeWrite;

    internal PlanTransaction(DbConnection connection, DbTransaction? transaction, DatabaseDialect dialect, Action? beforeWrite)
    {
        (this.connection, this.transaction, this.dialect, this.beforeWrite) = (connection, transaction, dialect, beforeWrite);
    }

    /// <summary>Milliseconds since 1970 by the database's own clock, or that of this host where the database is a file, as SQL.</summary>
    public string Now => dialect.Now;

    /// <summary>Runs a statement.</summary>
    /// <returns>How many rows it changed.</returns>
    public async Task<int> ExecuteAsync(string sql, CancellationToken cancel, params object?[] values)
    {
        beforeWrite?.Invoke();
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Runs one statement for many rows of values.</summary>
    /// <returns>How many rows it changed.</returns>
    public async Task<int> ExecuteManyAsync(string sql, IEnumerable<object?[]> rows, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(rows);
        beforeWrite?.Invoke();
        var changed = 0;
        if (connection.CanCreateBatch)
        {
            foreach (var chunk in rows.Chunk(BatchCommands))
            {
                await using var batch = connection.CreateBatch();
                batch.Transaction = transaction;
                foreach (var values in chunk)
                {
                    var command = batch.CreateBatchCommand();
#pragma warning disable CA2100 // statements are literals of this program; values are parameters
                    command.CommandText = sql;
#pragma warning restore CA2100
                    for (var i = 0; i < values.Length; i++)
                    {
                        var parameter = command.CreateParameter();
                        (parameter.ParameterName, parameter.Value) = (NameOf(i), values[i] ?? DBNull.Value);
                        command.Parameters.Add(parameter);
                    }

                    batch.BatchCommands.Add(command);
                }

                changed += await batch.ExecuteNonQueryAsync(cancel);
            }

            return changed;
        }

        DbCommand? one = null;
        try
        {
            foreach (var values in rows)
            {
                one ??= Command(sql, values);
                for (var i = 0; i < values.Length; i++) one.Parameters[i].Value = values[i] ?? DBNull.Value;
                changed += await one.ExecuteNonQueryAsync(cancel);
            }
        }
        finally
        {
            if (one is not null) await one.DisposeAsync();
        }

        return changed;
    }

    /// <summary>The first value of the first row; null where there is none.</summary>
    public async Task<object?> ScalarAsync(string sql, CancellationToken cancel, params object?[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteScalarAsync(cancel) is { } value and not DBNull ? value : null;
    }

    /// <summary>Rows.</summary>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Makes something of a row.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="values">Its parameters.</param>
    public async Task<List<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancel, params object?[] values)
    {
        ArgumentNullException.ThrowIfNull(read);
        await using var command = Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel)) rows.Add(read(reader));
        return rows;
    }

    private DbCommand Command(string sql, object?[] values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // statements are literals of this program; values are parameters
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (NameOf(i), values[i] ?? DBNull.Value);
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static string NameOf(int index) => $"@{(char)('a' + index)}";
}
