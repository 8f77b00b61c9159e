using Npgsql;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Server.Database;

/// <summary>The database that a server is set up with, opened and brought to the version of this program.</summary>
internal sealed class ServerStorage : IAsyncDisposable
{
    private readonly PlanDatabase plans;
    private readonly NpgsqlDataSource? connections;

    private ServerStorage(PlanDatabase plans, NpgsqlDataSource? connections)
    {
        (this.plans, this.connections) = (plans, connections);
        Database = new ServerDatabase(plans);
        Plans = new PlanStore(plans);
    }

    /// <summary>The server's own tables.</summary>
    public ServerDatabase Database { get; }

    /// <summary>Documents and runs.</summary>
    public IPlanStore Plans { get; }

    /// <summary>Whether several servers may use it.</summary>
    public bool IsShared => connections is not null;

    /// <summary>Opens it.</summary>
    /// <exception cref="SealiftException">SL7620, SL7621, SL7622: it is damaged, too new, or cannot be used. SL9001: it is not understood.</exception>
    public static async Task<ServerStorage> OpenAsync(ServerOptions options, CancellationToken cancel)
    {
        if (options.Database is not { } text)
        {
            var file = Path.Combine(options.StateDirectory, PlanDatabase.FileName);
            return new ServerStorage(await PlanDatabase.OpenSqliteAsync(file, [SchemaSet.Plans, ServerSchema.Sqlite], null, cancel), null);
        }

        NpgsqlConnectionStringBuilder parts;
        try
        {
            parts = new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // The text has a password in it: what is wrong is said without it.
            throw ServerErrors.BadSettings("the connection string of the database", $"it cannot be understood ({e.GetType().Name})");
        }

        var connections = NpgsqlDataSource.Create(parts);
        try
        {
            return new ServerStorage(await PlanDatabase.OpenPostgresAsync(connections, $"{parts.Host}/{parts.Database}", [SchemaSet.Plans, ServerSchema.PostgreSql], cancel), connections);
        }
        catch
        {
            await connections.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await plans.DisposeAsync();
        if (connections is not null) await connections.DisposeAsync();
    }
}
