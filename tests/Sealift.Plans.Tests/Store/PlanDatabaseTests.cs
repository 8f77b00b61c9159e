using System.Globalization;
using Npgsql;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;
using Sealift.Rigs;
using static Sealift.Plans.Tests.Store.StoreRig;

namespace Sealift.Plans.Tests.Store;

[Collection(nameof(StoreCollection))]
public sealed class PlanDatabaseTests(PostgresFixture postgres)
{
    // A second set, as the server has one: its third step fails where it is made twice.
    private static readonly SchemaSet Others = new("others", ["CREATE TABLE other (id {id}, word TEXT NOT NULL) {strict}", "INSERT INTO other (word) VALUES ('a')", "ALTER TABLE other ADD COLUMN more {long}"]);

    [Theory, CombinatorialKinds]
    public async Task Several_that_migrate_at_once_make_each_step_once(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var databases = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => rig.OpenDatabaseAsync(SchemaSet.Plans, Others))));
        Assert.Equal(1L, Convert.ToInt64(await databases[0].ReadAsync(t => t.ScalarAsync("SELECT count(*) FROM other", Cancel), Cancel), CultureInfo.InvariantCulture));
        Assert.Equal(["others 3", "plans 1"], await databases[0].ReadAsync(t => t.QueryAsync("SELECT name, version FROM sealift_schema ORDER BY name", r => $"{r.GetString(0)} {r.GetInt64(1)}", Cancel), Cancel));
    }

    [Theory, CombinatorialKinds]
    public async Task A_step_that_fails_leaves_nothing_of_itself_and_is_made_later(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        var broken = Others with { Steps = [Others.Steps[0], "INSERT INTO other (word) VALUES ('a'); INSERT INTO nowhere (word) VALUES ('b')", Others.Steps[2]] };
        Assert.Equal("SL7622", (await Assert.ThrowsAsync<SealiftException>(() => rig.OpenDatabaseAsync(SchemaSet.Plans, broken))).Code);
        var database = await rig.OpenDatabaseAsync(SchemaSet.Plans, Others);
        Assert.Equal(1L, Convert.ToInt64(await database.ReadAsync(t => t.ScalarAsync("SELECT count(*) FROM other", Cancel), Cancel), CultureInfo.InvariantCulture));
    }

    [Theory, CombinatorialKinds]
    public async Task One_of_a_newer_version_is_refused(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        await rig.OpenDatabaseAsync(SchemaSet.Plans, Others);
        var error = await Assert.ThrowsAsync<SealiftException>(() => rig.OpenDatabaseAsync(SchemaSet.Plans, Others with { Steps = [Others.Steps[0]] }));
        Assert.Equal("SL7621", error.Code);
        Assert.Contains("others have version 3, and this Sealift knows 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_and_one_of_somebody_else_are_refused_and_stay()
    {
        await using var rig = await CreateAsync(Kind.Sqlite, postgres);
        var store = await rig.OpenAsync();
        await store.CreateRunAsync(Run("r", "p"), [.. Enumerable.Range(0, 500).Select(i => Machine("r", $"m{i}"))], Cancel);
        var bytes = await File.ReadAllBytesAsync(rig.FilePath, Cancel);
        for (var page = 4096; page < bytes.Length; page += 4096) bytes.AsSpan(page, 200).Fill(0xEE);
        foreach (var content in new[] { bytes, System.Text.Encoding.ASCII.GetBytes(new string('x', 5000)) })
        {
            await File.WriteAllBytesAsync(rig.FilePath, content, Cancel);
            Assert.Equal("SL7620", (await Assert.ThrowsAsync<SealiftException>(rig.OpenAsync)).Code);
            Assert.Equal(content, await File.ReadAllBytesAsync(rig.FilePath, Cancel));
        }

        await using var other = await CreateAsync(Kind.Sqlite, postgres);
        using (var stranger = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={other.FilePath};Pooling=False"))
        {
            await stranger.OpenAsync(Cancel);
            await using var command = stranger.CreateCommand();
            command.CommandText = "CREATE TABLE theirs (a)";
            await command.ExecuteNonQueryAsync(Cancel);
        }

        Assert.Equal("SL7620", (await Assert.ThrowsAsync<SealiftException>(other.OpenAsync)).Code);
    }

    // As SQLite says it of a full disk (SQLITE_FULL) and of a file that may not be written (SQLITE_READONLY): its own limits, which need no mount.
    [Theory]
    [InlineData("PRAGMA max_page_count = 100")]
    [InlineData("PRAGMA query_only = 1")]
    public async Task A_full_disk_and_one_that_became_read_only_are_said_and_nothing_half_is_kept(string setting)
    {
        await using var rig = await CreateAsync(Kind.Sqlite, postgres);
        var database = await rig.OpenDatabaseAsync();
        var store = new PlanStore(database);
        await store.PutAsync(Provider("a"), null, Cancel);
        var machines = Enumerable.Range(0, 2000).Select(i => Machine("r", $"a machine with a long name {i}")).ToList();
        database.AfterConnect = async connection =>
        {
            await using var command = connection.CreateCommand();
            command.CommandText = setting;
            await command.ExecuteNonQueryAsync(Cancel);
        };
        Assert.Equal("SL7622", (await Assert.ThrowsAsync<SealiftException>(() => store.CreateRunAsync(Run("r", "p"), machines, Cancel))).Code);
        Assert.Null(await store.FindRunAsync("r", Cancel));
        Assert.NotNull(await store.FindAsync(DocumentKind.Provider, "a", Cancel));
        database.AfterConnect = null;
        await store.CreateRunAsync(Run("r", "p"), machines, Cancel);
        Assert.Equal(2000, (await store.MachinesAsync("r", Cancel)).Count);
    }

    [Fact]
    public async Task A_server_that_goes_away_is_said_and_used_again_when_it_is_back()
    {
        await using var cluster = await PostgresCluster.StartAsync(Cancel);
        await using var source = NpgsqlDataSource.Create(cluster.ConnectionString("postgres"));
        await using var database = await PlanDatabase.OpenPostgresAsync(source, "the server of plans", [SchemaSet.Plans], Cancel);
        var store = new PlanStore(database);
        await store.CreateRunAsync(Run("r", "p"), [Machine("r", "a")], Cancel);
        Assert.True(await store.LeaseAsync("r", "me", TimeSpan.FromMinutes(10), Cancel));
        await store.UpdateAsync("r", [Machine("r", "a", MachineRunState.Migrating)], "me", Cancel);
        await cluster.StopAsync();
        for (var i = 0; i < 3; i++)
        {
            var error = await Assert.ThrowsAsync<SealiftException>(() => store.UpdateAsync("r", [Machine("r", "a", MachineRunState.Succeeded)], "me", Cancel));
            Assert.Equal("SL7622", error.Code);
            Assert.Contains("the server of plans", error.Message, StringComparison.Ordinal);
        }

        await cluster.StartServerAsync(Cancel);
        Assert.Equal(MachineRunState.Migrating, (await store.FindMachineAsync("r", "a", Cancel))!.State); // what was committed survived the crash
        await store.UpdateAsync("r", [Machine("r", "a", MachineRunState.Succeeded)], "me", Cancel);
        Assert.Equal(MachineRunState.Succeeded, (await store.FindMachineAsync("r", "a", Cancel))!.State);
    }

    [Theory, CombinatorialKinds]
    public async Task A_writer_that_dies_at_any_statement_leaves_all_or_nothing(Kind kind)
    {
        await using var rig = await CreateAsync(kind, postgres);
        for (var dieAt = 1; ; dieAt++)
        {
            var database = await rig.OpenDatabaseAsync();
            var left = dieAt;
            database.BeforeWrite = () =>
            {
                if (--left == 0) throw new SimulatedDeath();
            };
            var (id, died) = ($"r{dieAt}", false);
            try
            {
                await new PlanStore(database).CreateRunAsync(Run(id, id), [Machine(id, "a"), Machine(id, "b")], Cancel);
            }
            catch (SimulatedDeath)
            {
                died = true;
            }

            var after = await rig.OpenAsync();
            Assert.Equal(!died, await after.FindRunAsync(id, Cancel) is not null);
            Assert.Equal(died ? 0 : 2, (await after.MachinesAsync(id, Cancel)).Count);
            if (!died)
            {
                Assert.True(dieAt > 4, "a run is begun with four statements");
                return;
            }
        }
    }

    private sealed class SimulatedDeath : Exception;
}
