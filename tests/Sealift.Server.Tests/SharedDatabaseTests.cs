using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;
using Sealift.Server.Database;

namespace Sealift.Server.Tests;

/// <summary>Two servers on one PostgreSQL, and what a database refuses.</summary>
public sealed class SharedDatabaseTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task Two_servers_of_one_database_know_the_same_users_sessions_forms_and_tokens()
    {
        await using var cluster = await PostgresCluster.StartAsync(Cancel);
        var database = cluster.ConnectionString(await cluster.CreateDatabaseAsync(Cancel));
        // At once: each wants to make the tables.
        var starting = await Task.WhenAll(TestServer.StartAsync(o => o with { Database = database }, withUsers: false), TestServer.StartAsync(o => o with { Database = database }, withUsers: false));
        await using var first = starting[0];
        await using var second = starting[1];
        await first.Running.Services.GetRequiredService<UserAccounts>().AddAsync("alice", TestServer.Password, ["admin"], onlyFirst: true, Cancel);
        await Assert.ThrowsAsync<SealiftException>(() => second.Running.Services.GetRequiredService<UserAccounts>().AddAsync("mallory", TestServer.Password, ["admin"], onlyFirst: true, Cancel));

        // The page of one, the form to the other: cookies of a host are those of all its ports.
        var cookies = new CookieContainer();
        using var atFirst = first.Browser(cookies);
        using var atSecond = second.Browser(cookies);
        var html = await atFirst.GetStringAsync("/login", Cancel);
        var token = System.Text.RegularExpressions.Regex.Match(html, "RequestVerificationToken\" value=\"([^\"]+)\"").Groups[1].Value;
        foreach (Cookie cookie in cookies.GetCookies(first.Address)) cookies.Add(second.Address, new Cookie(cookie.Name, cookie.Value));
        using var content = new FormUrlEncodedContent(new Dictionary<string, string> { ["user"] = "alice", ["password"] = TestServer.Password, ["__RequestVerificationToken"] = token });
        using (var answer = await atSecond.PostAsync("/login", content, Cancel)) Assert.Equal("/", answer.Headers.Location?.OriginalString);
        foreach (Cookie cookie in cookies.GetCookies(second.Address)) cookies.Add(first.Address, new Cookie(cookie.Name, cookie.Value));
        Assert.Contains("alice", await atFirst.GetStringAsync("/api/v1/me", Cancel), StringComparison.Ordinal);

        using var program = await first.ProgramAsync("alice", "admin");
        program.BaseAddress = null;
        Assert.Contains("alice", await program.GetStringAsync(new Uri(second.Address, "/api/v1/me"), Cancel), StringComparison.Ordinal);
        await second.Running.Services.GetRequiredService<UserAccounts>().SetPasswordAsync("alice", "another horse battery staple", Cancel);
        using var over = await atFirst.GetAsync("/api/v1/me", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, over.StatusCode);
        // The log is one.
        Assert.Equal(await Numbers(first), await Numbers(second));

        static async Task<List<long>> Numbers(TestServer server) => [.. (await server.Running.Services.GetRequiredService<AuditLog>().ListAsync(null, 1000, Cancel)).Select(e => e.Number)];
    }

    [Fact]
    public async Task A_database_that_goes_away_is_said_and_comes_back()
    {
        await using var cluster = await PostgresCluster.StartAsync(Cancel);
        var database = cluster.ConnectionString(await cluster.CreateDatabaseAsync(Cancel));
        await using var server = await TestServer.StartAsync(o => o with { Database = database }, withUsers: true);
        using var program = await server.ProgramAsync("read");
        using var browser = server.Browser();
        Assert.Equal("ok\n", await browser.GetStringAsync("/readyz", Cancel));
        await cluster.StopAsync();
        using (var ready = await browser.GetAsync("/readyz", Cancel)) Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal("ok\n", await browser.GetStringAsync("/healthz", Cancel));
        using (var answer = await program.GetAsync("/api/v1/me", Cancel))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal("SL7622", await TestServer.CodeAsync(answer));
        }

        await cluster.StartServerAsync(Cancel);
        HttpStatusCode status = default;
        for (var left = 100; left > 0 && status != HttpStatusCode.OK; left--)
        {
            using var answer = await program.GetAsync("/api/v1/me", Cancel);
            status = answer.StatusCode;
            if (status != HttpStatusCode.OK) await Task.Delay(100, Cancel);
        }

        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_audit_log_is_neither_changed_nor_shortened(bool isShared)
    {
        await using var cluster = isShared ? await PostgresCluster.StartAsync(Cancel) : null;
        var database = cluster is null ? null : cluster.ConnectionString(await cluster.CreateDatabaseAsync(Cancel));
        await using var server = await TestServer.StartAsync(o => o with { Database = database }, withUsers: false);
        var audit = server.Running.Services.GetRequiredService<AuditLog>();
        await audit.AddAsync("alice", "session", "127.0.0.1", "run.cancel", "a\nb\0c\ud800" + new string('x', 1000), "done", Cancel);
        var rows = server.Running.Services.GetRequiredService<ServerDatabase>();
        foreach (var sql in new[] { "UPDATE server_audit SET actor = 'eve'", "DELETE FROM server_audit" })
        {
            var error = await Assert.ThrowsAsync<SealiftException>(() => rows.ExecuteAsync(sql, Cancel));
            Assert.Contains("audit log is", error.Message, StringComparison.Ordinal);
        }

        var entry = Assert.Single(await audit.ListAsync(null, 10, Cancel));
        Assert.Equal("alice", entry.Actor);
        Assert.DoesNotContain('\n', entry.Subject);
        Assert.Equal(300, entry.Subject.Length);
    }

    [Fact]
    public async Task A_connection_string_that_is_not_understood_is_refused_without_its_password()
    {
        var error = await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Database = "Host=x;Password=hunter2;Colour=red" }, withUsers: false));
        Assert.Equal("SL9001", error.Code);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }
}
