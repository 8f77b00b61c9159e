using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Server.Accounts;
using Sealift.Server.Api;

namespace Sealift.Server.Tests;

/// <summary>Each endpoint of the API, by each scope: what may be done, and that nothing else may.</summary>
public sealed class ScopeTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    // The least scope of each; written out once more here, so that a change of one is seen.
    private static readonly Dictionary<string, string> Table = new()
    {
        ["GET /documents/{kind}"] = "read", ["GET /documents/{kind}/{name}"] = "read", ["PUT /documents/{kind}/{name}"] = "plan", ["DELETE /documents/{kind}/{name}"] = "plan", ["POST /documents"] = "plan", ["POST /validate/{plan}"] = "plan",
        ["POST /plans/{plan}/validate"] = "plan", ["PUT /plans/{plan}/archived"] = "plan", ["POST /plans/{plan}/runs"] = "operate",
        ["GET /runs"] = "read", ["GET /runs/{run}"] = "read", ["GET /runs/{run}/machines"] = "read",
        ["POST /runs/{run}/cutover"] = "operate", ["POST /runs/{run}/cancel"] = "operate", ["POST /runs/{run}/continue"] = "operate", ["POST /runs/{run}/retry"] = "operate",
        ["GET /migrations"] = "read", ["GET /migrations/{migration}"] = "read", ["GET /migrations/{migration}/seal"] = "read", ["POST /migrations/{migration}/verify"] = "operate",
        ["GET /providers"] = "read", ["GET /providers/{provider}/machines"] = "read", ["GET /providers/{provider}/networks"] = "read", ["GET /providers/{provider}/datastores"] = "read",
        ["GET /events"] = "read", ["GET /me"] = "read",
        ["GET /users"] = "admin", ["POST /users"] = "admin", ["PUT /users/{name}/roles"] = "admin", ["PUT /users/{name}/password"] = "admin", ["DELETE /users/{name}"] = "admin",
        ["GET /tokens"] = "read", ["POST /tokens"] = "read", ["DELETE /tokens/{id}"] = "read", ["GET /audit"] = "admin", ["GET /openapi.json"] = "read",
    };

    [Fact]
    public async Task Every_endpoint_asks_for_its_scope()
    {
        await using var server = await TestServer.StartAsync();
        var endpoints = server.Running.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.StartsWith(ApiRoutes.Root, StringComparison.Ordinal))
            .Select(e => $"{e.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods[0]} {e.RoutePattern.RawText![ApiRoutes.Root.Length..]}").ToList();
        Assert.Equal(Table.Keys.Order(StringComparer.Ordinal), endpoints.Order(StringComparer.Ordinal));

        using var nobody = server.Browser();
        var programs = new Dictionary<string, HttpClient>();
        foreach (var scope in Scope.All) programs[scope] = await server.ProgramAsync("admin", scope);
        foreach (var (endpoint, needed) in Table)
        {
            var (method, path) = (endpoint.Split(' ')[0], ApiRoutes.Root + endpoint.Split(' ')[1]);
            foreach (var name in new[] { "{kind}", "{name}", "{plan}", "{run}", "{migration}", "{provider}", "{id}" }) path = path.Replace(name, "nothing-here", StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(nobody, method, path));
            foreach (var (scope, program) in programs)
            {
                var status = await StatusAsync(program, method, path);
                if (Scope.Expand([scope]).Contains(needed)) Assert.True(status is not HttpStatusCode.Forbidden and not HttpStatusCode.Unauthorized && (int)status < 500, $"{endpoint} by {scope}: {status}");
                else Assert.True(status == HttpStatusCode.Forbidden, $"{endpoint} by {scope}: {status}");
            }
        }

        foreach (var program in programs.Values) program.Dispose();
    }

    [Fact]
    public async Task A_token_may_no_more_than_its_user_and_ends_with_the_user_and_with_its_time()
    {
        var time = new SteppedTime();
        await using var server = await TestServer.StartAsync(time: time);
        using var program = await server.ProgramAsync("read", "admin");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "GET", "/api/v1/runs"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(program, "GET", "/api/v1/users"));
        await server.Running.Services.GetRequiredService<UserAccounts>().SetRolesAsync("read", ["admin"], Cancel);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "GET", "/api/v1/users"));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(program, "GET", "/api/v1/runs"));
        using var second = await server.ProgramAsync("read");
        await server.Running.Services.GetRequiredService<UserAccounts>().RemoveAsync("read", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(second, "GET", "/api/v1/runs"));
    }

    [Fact]
    public async Task A_token_is_shown_once_and_removed_by_whose_it_is()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = await server.LoggedInAsync("operate");
        browser.DefaultRequestHeaders.Add("X-Sealift-Request", "1");
        using var made = await browser.PostAsync("/api/v1/tokens", TestServer.Json("""{"name":"ci","scopes":["operate"],"lifetimeHours":1}"""), Cancel);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var answer = await TestServer.ReadAsync(made);
        var token = answer.GetProperty("token").GetString()!;
        var id = answer.GetProperty("known").GetProperty("id").GetString()!;
        using var program = server.Program(token);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "GET", "/api/v1/me"));
        using (var forever = await browser.PostAsync("/api/v1/tokens", TestServer.Json("""{"name":"ever","scopes":["read"],"lifetimeHours":2147483647}"""), Cancel)) Assert.Equal("SL9017", await TestServer.CodeAsync(forever));
        // A token makes no others.
        using (var more = await program.PostAsync("/api/v1/tokens", TestServer.Json("""{"name":"more","scopes":["read"],"lifetimeHours":1}"""), Cancel)) Assert.Equal(HttpStatusCode.Forbidden, more.StatusCode);
        var secret = token.Split('_')[2];
        Assert.DoesNotContain(secret, await browser.GetStringAsync("/api/v1/tokens", Cancel), StringComparison.Ordinal);
        Assert.Contains("usedAt\":\"2", await browser.GetStringAsync("/api/v1/tokens", Cancel), StringComparison.Ordinal);
        using var other = await server.ProgramAsync("plan");
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(other, "DELETE", $"/api/v1/tokens/{id}"));
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(browser, "DELETE", $"/api/v1/tokens/{id}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(program, "GET", "/api/v1/me"));
    }

    [Fact]
    public async Task What_was_denied_and_what_was_done_is_in_the_audit_log()
    {
        await using var server = await TestServer.StartAsync();
        using var reader = await server.ProgramAsync("read");
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(reader, "POST", "/api/v1/plans/weekend/runs"));
        using var admin = await server.ProgramAsync("admin");
        using (var added = await admin.PostAsync("/api/v1/users", TestServer.Json("""{"name":"bob","password":"correct horse battery staple","roles":["plan"]}"""), Cancel)) Assert.Equal(HttpStatusCode.Created, added.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(admin, "DELETE", "/api/v1/users/nobody"));
        using var audit = await admin.GetAsync("/api/v1/audit", Cancel);
        var entries = (await TestServer.ReadAsync(audit)).EnumerateArray().Select(e => $"{Text(e, "actor")} {Text(e, "via")} {Text(e, "action")} {Text(e, "subject")} {Text(e, "outcome")}").ToList();
        Assert.Equal(["admin token test user.remove nobody SL9014", "admin token test user.add bob done", "read token test request POST /api/v1/plans/weekend/runs denied"], entries);

        static string Text(JsonElement entry, string field) => entry.GetProperty(field).GetString()!;
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method is "POST" or "PUT") request.Content = TestServer.Json("{}");
        request.Headers.Add("X-Sealift-Request", "1");
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        return answer.StatusCode;
    }
}
