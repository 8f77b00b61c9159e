using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Cli.Commands;

/// <summary>The plans and the migrations of a state directory, for one command.</summary>
internal sealed class OpenedPlans : IAsyncDisposable
{
    private readonly PlanDatabase database;
    private readonly MigrationStore migrations;

    private OpenedPlans(PlanDatabase database, MigrationStore migrations)
    {
        (this.database, this.migrations) = (database, migrations);
        Service = new PlanService(new PlanStore(database), migrations, TimeProvider.System);
    }

    /// <summary>What is done with them.</summary>
    public PlanService Service { get; }

    /// <summary>Opens them.</summary>
    /// <exception cref="Posix.SealiftException">SL762x: the database of plans cannot be used; SL70xx: the journal.</exception>
    public static async Task<OpenedPlans> OpenAsync(string stateDirectory, CancellationToken cancel)
    {
        var migrations = new MigrationStore(stateDirectory);
        try
        {
            return new OpenedPlans(await OpenDatabaseAsync(migrations.StateDirectory, cancel), migrations);
        }
        catch
        {
            migrations.Dispose();
            throw;
        }
    }

    /// <summary>Opens the plans alone.</summary>
    /// <exception cref="Posix.SealiftException">SL762x: they cannot be used.</exception>
    public static Task<PlanDatabase> OpenDatabaseAsync(string stateDirectory, CancellationToken cancel) =>
        PlanDatabase.OpenSqliteAsync(Path.Combine(stateDirectory, PlanDatabase.FileName), [SchemaSet.Plans], null, cancel);

    /// <summary>A run by its id, or the newest one of a plan.</summary>
    /// <exception cref="Posix.SealiftException">SL8030: there is neither.</exception>
    public async Task<PlanRun> FindRunAsync(string name, CancellationToken cancel)
    {
        var store = Service.Store;
        if (await store.FindRunAsync(name, cancel) is { } run) return run;
        return await store.RunsAsync(name, unfinishedOnly: false, 1, cancel) is [var newest, ..] && await store.FindRunAsync(newest.Id, cancel) is { } found ? found : throw CliErrors.NoRun(name);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        migrations.Dispose();
    }
}
