using System.Data.Common;
using Npgsql;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;

namespace Sealift.Plans.Tests.Store;

/// <summary>The databases that a store is tried on.</summary>
public enum Kind
{
    Sqlite,
    Postgres,
}

/// <summary>One PostgreSQL for all tests of the assembly's collection: it takes seconds to make.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    internal PostgresCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await PostgresCluster.StartAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}

[CollectionDefinition(nameof(StoreCollection))]
public sealed class StoreCollection : ICollectionFixture<PostgresFixture>;

/// <summary>A fresh database, and as many stores on it as a test wants: each as a server of its own has it.</summary>
internal sealed class StoreRig : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> opened = [];
    private readonly PostgresCluster cluster;
    private readonly string name;

    private StoreRig(Kind kind, PostgresCluster cluster, string name) => (Kind, this.cluster, this.name) = (kind, cluster, name);

    public Kind Kind { get; }

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The file of SQLite.</summary>
    public string FilePath => Path.Combine(name, PlanDatabase.FileName);

    public static async Task<StoreRig> CreateAsync(Kind kind, PostgresFixture postgres) =>
        new(kind, postgres.Cluster, kind == Kind.Postgres ? await postgres.Cluster.CreateDatabaseAsync(Cancel) : Directory.CreateTempSubdirectory("sealift-plans-").FullName);

    public async Task<PlanDatabase> OpenDatabaseAsync(params IReadOnlyList<SchemaSet> sets)
    {
        if (sets.Count == 0) sets = [SchemaSet.Plans];
        PlanDatabase database;
        if (Kind == Kind.Postgres)
        {
            DbDataSource source = NpgsqlDataSource.Create(cluster.ConnectionString(name));
            opened.Add(source);
            database = await PlanDatabase.OpenPostgresAsync(source, name, sets, Cancel);
        }
        else database = await PlanDatabase.OpenSqliteAsync(FilePath, sets, null, Cancel);

        opened.Add(database);
        return database;
    }

    public async Task<PlanStore> OpenAsync() => new(await OpenDatabaseAsync());

    public async ValueTask DisposeAsync()
    {
        foreach (var one in Enumerable.Reverse(opened)) await one.DisposeAsync();
        if (Kind == Kind.Sqlite) Directory.Delete(name, recursive: true);
        else await cluster.SqlAsync("postgres", $"DROP DATABASE {name} WITH (FORCE)", CancellationToken.None);
    }

    public static PlanDocument Plan(string name, params string[] machines) => new()
    {
        Metadata = new DocumentMetadata { Name = name },
        Spec = new PlanSpec { Provider = new PlanProviders { Source = new DocumentReference { Name = "from" }, Destination = new DocumentReference { Name = "to" } }, Vms = [.. machines.DefaultIfEmpty("web01").Select(m => new PlannedMachine { Name = m })] },
    };

    public static ProviderDocument Provider(string name, string url = "/srv/vms") => new() { Metadata = new DocumentMetadata { Name = name }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = url } };

    public static PlanRun Run(string id, string plan, int second = 0) => new(id, plan, 1, PlanRunState.Running, 1, DateTimeOffset.UnixEpoch.AddSeconds(second), null, "anna", [Plan(plan), Provider("to")]);

    public static MachineRun Machine(string run, string name, MachineRunState state = MachineRunState.Waiting) => new() { Run = run, Machine = name, Wave = 1, State = state };
}
