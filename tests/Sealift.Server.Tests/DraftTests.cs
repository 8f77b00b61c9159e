using System.Net;
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
