using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Sealift.Plans.Documents;

namespace Sealift.Server.Tests;

/// <summary>Drafts of plans, and what somebody else changed meanwhile.</summary>
public sealed partial class DraftTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task A_map_that_somebody_changed_meanwhile_is_not_overwritten_unseen()
    {
        await using var server = await TestServer.StartAsync();
        using var admin = await server.ProgramAsync("admin");
        await StoreAsync(admin, MapOf("raw"), """
            {"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"from"},"spec":{"type":"ova","url":"/srv/in"}},
            {"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"to"},"spec":{"type":"directory","url":"/srv/out"}},
            {"apiVersion":"sealift.io/v1alpha1","kind":"Plan","metadata":{"name":"weekend"},"spec":{"provider":{"source":{"name":"from"},"destination":{"name":"to"}},"map":{"storage":{"name":"weekend-storage"}},"vms":[{"name":"a"}]}}
            """);
        using var browser = await server.LoggedInAsync("plan");
        using var edited = await TestServer.SubmitAsync(browser, "/account", [], "/plans/weekend/edit");
        var draft = edited.Headers.Location!.OriginalString[..^"/plan".Length];
        var before = await browser.GetStringAsync($"{draft}/review", Cancel);
        Assert.DoesNotContain($"{draft}/rebase", before, StringComparison.Ordinal);

        await StoreAsync(admin, MapOf("qcow2"));
        using (var refused = await TestServer.SubmitAsync(browser, $"{draft}/review", [], $"{draft}/store"))
        {
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            var page = await refused.Content.ReadAsStringAsync(Cancel);
            Assert.Contains("SL9102", page, StringComparison.Ordinal);
            Assert.Contains("weekend-storage", page, StringComparison.Ordinal);
        }

        Assert.Equal(2, (await server.Plans.Store.FindAsync(DocumentKind.StorageMap, "weekend-storage", Cancel))!.Generation);

        // Whoever has seen it may store theirs in its place.
        var review = await browser.GetStringAsync($"{draft}/review", Cancel);
        var fields = Hidden().Matches(review).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Equal("2", fields["storageGeneration"]);
        using var rebased = await TestServer.SubmitAsync(browser, $"{draft}/review", fields, $"{draft}/rebase");
        Assert.Equal($"{draft}/review", rebased.Headers.Location?.OriginalString);
        using var stored = await TestServer.SubmitAsync(browser, $"{draft}/review", [], $"{draft}/store");
        Assert.Equal("/plans/weekend", stored.Headers.Location?.OriginalString);
        Assert.Equal(3, (await server.Plans.Store.FindAsync(DocumentKind.StorageMap, "weekend-storage", Cancel))!.Generation);
    }

    [Fact]
    public async Task A_plan_that_the_API_would_refuse_is_not_stored_by_the_wizard_either()
    {
        await using var server = await TestServer.StartAsync();
        using var admin = await server.ProgramAsync("admin");
        await StoreAsync(admin, TestServer.PlanOf("weekend", "web01").Trim()[1..^1]);
        using var browser = await server.LoggedInAsync("plan");
        using var edited = await TestServer.SubmitAsync(browser, "/account", [], "/plans/weekend/edit");
        var draft = edited.Headers.Location!.OriginalString[..^"/plan".Length];
        (await TestServer.SubmitAsync(browser, $"{draft}/way", new() { ["step"] = "way", ["spec.type"] = "cold", ["spec.autostart"] = "true" })).Dispose();
        (await TestServer.SubmitAsync(browser, $"{draft}/policies", new() { ["step"] = "policies" })).Dispose(); // no box is ticked: file systems are not checked, and a degraded verdict is not accepted

        // What the API says of the very same plan.
        using (var put = new HttpRequestMessage(HttpMethod.Put, "/api/v1/documents/Plan/weekend") { Headers = { IfMatch = { new EntityTagHeaderValue("\"1\"") } }, Content = new StringContent(await browser.GetStringAsync($"{draft}/plan.yaml", Cancel), Encoding.UTF8, "application/yaml") })
        using (var answer = await admin.SendAsync(put, Cancel)) Assert.Equal("SL7656", await TestServer.CodeAsync(answer));

        var review = WebUtility.HtmlDecode(await browser.GetStringAsync($"{draft}/review", Cancel));
        Assert.Contains("A plan that could never be run is not stored", review, StringComparison.Ordinal);
        Assert.Matches($"SL7635</code> spec\\.autostart: [^<]* <a href=\"{draft}/way\">", review); // where it can be corrected
        Assert.Matches($"SL7647</code> spec\\.check: [^<]* <a href=\"{draft}/policies\">", review);
        Assert.DoesNotContain($"action=\"{draft}/store\"", review, StringComparison.Ordinal);

        // Nor is it where the form is sent all the same: somebody may have changed a provider since the review was looked at.
        using (var refused = await TestServer.SubmitAsync(browser, "/account", [], $"{draft}/store"))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
            Assert.Contains("SL7656", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Equal(1, (await server.Plans.Store.FindAsync(DocumentKind.Plan, "weekend", Cancel))!.Generation);

        // The draft is kept, and stored once it is corrected.
        (await TestServer.SubmitAsync(browser, $"{draft}/way", new() { ["step"] = "way", ["spec.type"] = "cold" })).Dispose();
        (await TestServer.SubmitAsync(browser, $"{draft}/policies", new() { ["step"] = "policies", ["spec.check"] = "true" })).Dispose();
        using var stored = await TestServer.SubmitAsync(browser, $"{draft}/review", [], $"{draft}/store");
        Assert.Equal("/plans/weekend", stored.Headers.Location?.OriginalString);
    }

    private static string MapOf(string format) =>
        $$$"""{"apiVersion":"sealift.io/v1alpha1","kind":"StorageMap","metadata":{"name":"weekend-storage"},"spec":{"map":[{"source":{"name":"one"},"destination":{"format":"{{{format}}}"}}]}}""";

    private static async Task StoreAsync(HttpClient admin, params string[] documents)
    {
        using var answer = await admin.PostAsync("/api/v1/documents", TestServer.Json($"[{string.Join(',', documents)}]"), Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }

    [GeneratedRegex("type=\"hidden\" name=\"([a-zA-Z]*[gG]eneration)\" value=\"([0-9]+)\"")]
    private static partial Regex Hidden();
}
