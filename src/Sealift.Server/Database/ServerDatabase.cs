using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Sealift.Plans.Store;

namespace Sealift.Server.Database;

/// <summary>Users, sessions, tokens and the audit log, in the database of the plans: SQLite or PostgreSQL, by the same statements.</summary>
/// <remarks>Times are milliseconds since 1970 in UTC, lists of words are separated by spaces: both databases know these alike.</remarks>
internal sealed class ServerDatabase(PlanDatabase database)
{
    /// <summary>One transaction, durable when it returns. It may be done several times where it meets others.</summary>
    /// <param name="work">What is done in it; rolled back where it throws.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<T> TransactAsync<T>(Func<Statements, Task<T>> work, CancellationToken cancel) => database.WriteAsync(t => work(new Statements(t, cancel)), cancel);

    /// <summary>One statement that writes.</summary>
    /// <returns>How many rows it concerned.</returns>
    public Task<int> ExecuteAsync(string sql, CancellationToken cancel, params (string Name, object? Value)[] values) => TransactAsync(s => s.ExecuteAsync(sql, values), cancel);

    /// <summary>One statement that reads.</summary>
    public Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancel, params (string Name, object? Value)[] values) =>
        database.ReadAsync(t => new Statements(t, cancel).QueryAsync(sql, read, values), cancel);
}

/// <summary>Statements of one transaction. Their parameters have names: <c>@user</c>.</summary>
internal sealed partial class Statements(PlanTransaction transaction, CancellationToken cancel)
{
    /// <summary>One that writes.</summary>
    public Task<int> ExecuteAsync(string sql, params (string Name, object? Value)[] values) => transaction.ExecuteAsync(Ordered(sql, values), cancel, [.. values.Select(v => v.Value)]);

    /// <summary>One that reads.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, params (string Name, object? Value)[] values) =>
        await transaction.QueryAsync(Ordered(sql, values), read, cancel, [.. values.Select(v => v.Value)]);

    // The transaction knows parameters by their place.
    private static string Ordered(string sql, (string Name, object? Value)[] values) => Parameter().Replace(sql, m =>
    {
        var place = Array.FindIndex(values, v => v.Name == m.Groups[1].Value);
        return place >= 0 ? string.Create(CultureInfo.InvariantCulture, $"@{(char)('a' + place)}") : throw new InvalidOperationException($"{m.Value} has no value");
    });

    [GeneratedRegex("@([a-z]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Parameter();
}

/// <summary>How times stand in the database.</summary>
internal static class StoredTime
{
    /// <summary>Milliseconds since 1970, in UTC.</summary>
    public static long Of(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    /// <summary>A column as a time; null where it is.</summary>
    public static DateTimeOffset? OfColumn(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column));
}
