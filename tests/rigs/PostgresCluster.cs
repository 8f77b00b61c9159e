using System.Globalization;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A PostgreSQL of its own, in a temporary directory, on a socket there and on no network. It ends with the tests, however they end.</summary>
internal sealed class PostgresCluster : IAsyncDisposable
{
    private const string User = "postgres"; // of Debian's package: the server refuses to run as root

    private readonly string directory;
    private ChildProcess? server;

    private PostgresCluster(string directory) => this.directory = directory;

    /// <summary>What a client connects by, to a database of this name.</summary>
    public string ConnectionString(string database) => string.Create(CultureInfo.InvariantCulture, $"Host={directory};Port=5432;Username={User};Database={database};Timeout=30;Command Timeout=60");

    /// <summary>Makes one and starts it.</summary>
    public static async Task<PostgresCluster> StartAsync(CancellationToken cancel)
    {
        // Short: the path of a socket has at most 107 bytes.
        var directory = Directory.CreateTempSubdirectory("sealift-pg-").FullName;
        _ = await ChildProcess.RunAsync(new ChildCommand("chown", User, directory), cancel);
        _ = await ChildProcess.RunAsync(As("initdb", "--pgdata", Path.Combine(directory, "data"), "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"), cancel);
        var cluster = new PostgresCluster(directory);
        await cluster.StartServerAsync(cancel);
        return cluster;
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>.</summary>
    public async Task StartServerAsync(CancellationToken cancel)
    {
        server = ChildProcess.Start(As("postgres", "-D", Path.Combine(directory, "data"), "-k", directory, "-c", "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=32MB") with { Deadline = TimeSpan.FromHours(1), StartsOthers = true });
        for (var left = 600; ; left--)
        {
            var answer = await ChildProcess.RunAsync(As("psql", "-h", directory, "-At", "-c", "SELECT 1", "postgres") with { AcceptedExitCodes = [0, 1, 2] }, cancel);
            if (answer.ExitCode == 0) return;
            if (left == 0 || !server.IsRunning) throw new InvalidOperationException($"PostgreSQL does not answer: {server.ErrorTail}");
            await Task.Delay(100, cancel);
        }
    }

    /// <summary>Stops it as a crash does: nothing is written any more, and every connection is lost.</summary>
    public async Task StopAsync()
    {
        if (server is null) return;
        server.Kill("the test wants it to be gone");
        await server.DisposeAsync();
        server = null;
    }

    /// <summary>A fresh database.</summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancel)
    {
        var name = $"t{Guid.NewGuid():N}";
        await SqlAsync("postgres", $"CREATE DATABASE {name}", cancel);
        return name;
    }

    /// <summary>Runs SQL as the superuser.</summary>
    /// <returns>What it answers.</returns>
    public async Task<string> SqlAsync(string database, string sql, CancellationToken cancel) =>
        (await ChildProcess.RunAsync(As("psql", "-h", directory, "-v", "ON_ERROR_STOP=1", "-At", "-c", sql, database), cancel)).Output.Trim();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(directory, recursive: true);
    }

    private static ChildCommand As(string program, params string[] arguments) =>
        new("setpriv", [$"--reuid={User}", $"--regid={User}", "--clear-groups", "--", Find(program), .. arguments]) { WorkingDirectory = "/" };

    private static string Find(string program) =>
        Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin", program)).Where(File.Exists).Order(StringComparer.Ordinal).LastOrDefault() ?? program;
}
