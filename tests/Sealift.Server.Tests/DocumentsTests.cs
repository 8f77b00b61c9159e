using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Server.Auditing;

namespace Sealift.Server.Tests;

/// <summary>Documents, runs and orders by the API.</summary>
public sealed class DocumentsTests
{
    private const string Provider = """{"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"from"},"spec":{"type":"ova","url":"/srv/in"}}""";

    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task A_document_is_replaced_only_by_who_has_read_it()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using (var blind = await PutAsync(program, Provider)) Assert.Equal(HttpStatusCode.PreconditionRequired, blind.StatusCode);
        using (var made = await PutAsync(program, Provider, ifNoneMatch: "*"))
        {
            Assert.Equal(HttpStatusCode.Created, made.StatusCode);
            Assert.Equal("\"1\"", made.Headers.ETag!.Tag);
        }

        using (var again = await PutAsync(program, Provider, ifNoneMatch: "*")) Assert.Equal(HttpStatusCode.PreconditionFailed, again.StatusCode);
        using (var changed = await PutAsync(program, Provider.Replace("/srv/in", "/srv/other", StringComparison.Ordinal), ifMatch: "\"1\"")) Assert.Equal("\"2\"", changed.Headers.ETag!.Tag);
        using (var stale = await PutAsync(program, Provider, ifMatch: "\"1\""))
        {
            Assert.Equal(HttpStatusCode.PreconditionFailed, stale.StatusCode);
            Assert.Equal("SL9031", await TestServer.CodeAsync(stale));
        }

        using var read = await program.GetAsync("/api/v1/documents/Provider/from", Cancel);
        Assert.Equal("\"2\"", read.Headers.ETag!.Tag);
        using var unchanged = new HttpRequestMessage(HttpMethod.Get, "/api/v1/documents/Provider/from");
        unchanged.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"2\""));
        using (var answer = await program.SendAsync(unchanged, Cancel)) Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
        using var yaml = new HttpRequestMessage(HttpMethod.Get, "/api/v1/documents/Provider/from") { Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/yaml") } } };
        using (var answer = await program.SendAsync(yaml, Cancel)) Assert.Contains("url: /srv/other", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_who_change_the_same_at_once_one_is_told()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        (await PutAsync(program, Provider, ifNoneMatch: "*")).Dispose();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => PutAsync(program, Provider.Replace("/srv/in", $"/srv/{i}", StringComparison.Ordinal), ifMatch: "\"1\"")));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        Assert.All(answers.Where(a => !a.IsSuccessStatusCode), a => Assert.True(a.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict, a.StatusCode.ToString()));
        foreach (var answer in answers) answer.Dispose();
    }

    [Theory]
    [InlineData("""{"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"from"},"spec":{"type":"ova","url":"/srv/in","colour":"red"}}""", "SL7606")]
    [InlineData("{", "SL7603")]
    [InlineData("", "SL7610")]
    public async Task What_is_no_document_is_refused_with_its_code(string body, string code)
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using var answer = await PutAsync(program, body, ifNoneMatch: "*");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(code, await TestServer.CodeAsync(answer));
        var problem = await TestServer.ReadAsync(answer);
        foreach (var field in new[] { "attempted", "said", "nextStep", "title", "detail", "status" }) Assert.True(problem.TryGetProperty(field, out _), field);
    }

    [Fact]
    public async Task A_document_of_another_name_than_its_address_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using var request = new HttpRequestMessage(HttpMethod.Put, "/api/v1/documents/Provider/other") { Content = TestServer.Json(Provider) };
        request.Headers.TryAddWithoutValidation("If-None-Match", "*");
        using var answer = await program.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_plan_is_applied_run_steered_hidden_and_its_provider_stays_while_it_is_named()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using (var applied = await program.PostAsync("/api/v1/documents", TestServer.Json(TestServer.PlanOf("weekend", "web01")), Cancel)) Assert.Equal(3, (await TestServer.ReadAsync(applied)).GetArrayLength());
        using (var named = await program.DeleteAsync("/api/v1/documents/Provider/from", Cancel)) Assert.Equal(HttpStatusCode.Conflict, named.StatusCode);
        using (var validated = await program.PostAsync("/api/v1/plans/weekend/validate", null, Cancel)) Assert.True((await TestServer.ReadAsync(validated)).GetProperty("canRun").GetBoolean());
        using var begun = await program.PostAsync("/api/v1/plans/weekend/runs", TestServer.Json("{}"), Cancel);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);
        var run = begun.Headers.Location!.OriginalString;
        using (var read = await program.GetAsync(run, Cancel)) Assert.Equal("running", (await TestServer.ReadAsync(read)).GetProperty("state").GetString());
        using (var machines = await program.GetAsync($"{run}/machines?limit=1", Cancel))
        {
            var page = await TestServer.ReadAsync(machines);
            Assert.Equal((1, "web01", JsonValueKind.Null), (page.GetProperty("total").GetInt32(), page.GetProperty("items")[0].GetProperty("machine").GetString(), page.GetProperty("nextOffset").ValueKind));
        }

        using (var ordered = await program.PostAsync($"{run}/cutover", TestServer.Json("""{"machine":"web01"}"""), Cancel)) Assert.Equal(HttpStatusCode.Accepted, ordered.StatusCode);
        Assert.Equal(("web01", "admin", Sealift.Plans.Store.RunOrderKind.Cutover), (server.Plans.Orders[0].Machine, server.Plans.Orders[0].Actor, server.Plans.Orders[0].Kind));
        using (var unknown = await program.PostAsync($"{run}/cancel", TestServer.Json("""{"machine":"web02"}"""), Cancel)) Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        using (var hidden = await program.PutAsync("/api/v1/plans/weekend/archived", TestServer.Json("""{"value":true}"""), Cancel)) Assert.Equal(HttpStatusCode.NoContent, hidden.StatusCode);
        Assert.Equal("[]", await program.GetStringAsync("/api/v1/documents/Plan", Cancel));
        Assert.Contains("weekend", await program.GetStringAsync("/api/v1/documents/Plan?archived=true", Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_done_before_a_later_document_was_refused_is_in_the_audit_log()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        const string First = """{"apiVersion":"sealift.io/v1alpha1","kind":"Migration","metadata":{"name":"first"},"spec":{"plan":{"name":"weekend"}}}""";
        var body = $"{TestServer.PlanOf("weekend", "web01").TrimEnd()[..^1]},{First},{First.Replace("first", "second", StringComparison.Ordinal).Replace("weekend", "nowhere", StringComparison.Ordinal)}]";
        using (var refused = await program.PostAsync("/api/v1/documents", TestServer.Json(body), Cancel)) Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        Assert.Single(await server.Plans.Store.RunsAsync("weekend", unfinishedOnly: true, 10, Cancel));
        Assert.Equal(
            ["document.apply Provider/from, Provider/to, Plan/weekend done", "run.begin Plan/weekend, Migration/first done", "run.begin Plan/nowhere, Migration/second SL9030", "document.apply Migration/first, Migration/second SL9030"],
            await EntriesAsync(server, 0));

        // Applied once more it begins no run, and nobody is said to have begun one.
        using (var again = await program.PostAsync("/api/v1/documents", TestServer.Json($"[{First}]"), Cancel)) Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(["document.apply Migration/first done"], await EntriesAsync(server, 4));

        static async Task<IEnumerable<string>> EntriesAsync(TestServer server, int from) =>
            (await server.Running.Services.GetRequiredService<AuditLog>().ListAsync(null, 100, Cancel)).Reverse().Skip(from).Select(e => $"{e.Action} {e.Subject} {e.Outcome}");
    }

    [Fact]
    public async Task Hooks_and_providers_which_name_programs_and_places_of_this_host_are_written_by_administrators_only()
    {
        const string Hook = """{"apiVersion":"sealift.io/v1alpha1","kind":"Hook","metadata":{"name":"from"},"spec":{"program":"/bin/true"}}""";
        const string Map = """{"apiVersion":"sealift.io/v1alpha1","kind":"StorageMap","metadata":{"name":"from"},"spec":{"map":[{"source":{"name":"*"},"destination":{"format":"raw"}}]}}""";
        await using var server = await TestServer.StartAsync();
        using var planner = await server.ProgramAsync("plan");
        using var administrator = await server.ProgramAsync("admin");
        using (var map = await PutAsync(planner, Map, ifNoneMatch: "*", kind: "StorageMap")) Assert.Equal(HttpStatusCode.Created, map.StatusCode);
        foreach (var (kind, body) in new[] { ("Hook", Hook), ("Provider", Provider) })
        {
            using (var put = await PutAsync(planner, body, ifNoneMatch: "*", kind: kind)) Assert.Equal("SL9024", await TestServer.CodeAsync(put));
            using (var applied = await planner.PostAsync("/api/v1/documents", TestServer.Json($"[{Map.Replace("raw", "qcow2", StringComparison.Ordinal)},{body}]"), Cancel)) Assert.Equal(HttpStatusCode.Forbidden, applied.StatusCode);
            using (var validated = await planner.PostAsync("/api/v1/validate/weekend", TestServer.Json($"[{body}]"), Cancel)) Assert.Equal(HttpStatusCode.Forbidden, validated.StatusCode);
            (await PutAsync(administrator, body, ifNoneMatch: "*", kind: kind)).EnsureSuccessStatusCode().Dispose();
            using (var removed = await planner.DeleteAsync($"/api/v1/documents/{kind}/from", Cancel)) Assert.Equal(HttpStatusCode.Forbidden, removed.StatusCode);
        }

        // A plan that names files with keys has them read here, and what is wrong with them told.
        const string Keys = """{"apiVersion":"sealift.io/v1alpha1","kind":"Plan","metadata":{"name":"from"},"spec":{"provider":{"source":{"name":"from"},"destination":{"name":"from"}},"vms":[{"name":"a","luksKeys":[{"volume":"all","file":"/etc/shadow"}]}]}}""";
        using (var put = await PutAsync(planner, Keys, ifNoneMatch: "*", kind: "Plan")) Assert.Equal("SL9024", await TestServer.CodeAsync(put));
        using (var validated = await planner.PostAsync("/api/v1/validate/from", TestServer.Json($"[{Keys}]"), Cancel)) Assert.Equal("SL9024", await TestServer.CodeAsync(validated));
        using (var validated = await administrator.PostAsync("/api/v1/validate/from", TestServer.Json($"[{Keys}]"), Cancel)) Assert.Equal(HttpStatusCode.OK, validated.StatusCode);

        // All or none: nor was the map changed that came with what was refused.
        Assert.Contains("raw", await planner.GetStringAsync("/api/v1/documents/StorageMap/from", Cancel), StringComparison.Ordinal);
    }

    private static async Task<HttpResponseMessage> PutAsync(HttpClient program, string body, string? ifMatch = null, string? ifNoneMatch = null, string kind = "Provider")
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/documents/{kind}/from") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (ifNoneMatch is not null) request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        return await program.SendAsync(request, Cancel);
    }
}
