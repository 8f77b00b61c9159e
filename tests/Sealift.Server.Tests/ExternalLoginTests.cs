using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Posix;
using Sealift.Server.Auditing;

namespace Sealift.Server.Tests;

/// <summary>Users whom a provider of identities vouches for.</summary>
public sealed class ExternalLoginTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task Who_is_in_a_group_of_the_map_is_let_in_with_its_roles()
    {
        await using var provider = await OidcProvider.StartAsync();
        await using var server = await StartAsync(provider);
        provider.Groups = ["staff", "operators"];
        using var browser = server.Browser();
        Assert.Equal("/plans/x", await LogInAsync(browser, "/plans/x"));
        var me = await browser.GetStringAsync("/api/v1/me", Cancel);
        Assert.Contains("\"user\":\"oidc:00u1\"", me, StringComparison.Ordinal);
        Assert.Contains("[\"read\",\"operate\"]", me, StringComparison.Ordinal);
        // No user of the server's own: no tokens, which nobody could take away when the provider does.
        browser.DefaultRequestHeaders.Add("X-Sealift-Request", "1");
        using var token = await browser.PostAsync("/api/v1/tokens", TestServer.Json("""{"name":"x","scopes":["read"],"lifetimeHours":1}"""), Cancel);
        Assert.Equal(HttpStatusCode.NotFound, token.StatusCode);
    }

    [Theory]
    [InlineData("no group")]
    [InlineData("forged")]
    [InlineData("replayed")]
    [InlineData("subject")]
    public async Task Who_is_not_stays_out(string why)
    {
        await using var provider = await OidcProvider.StartAsync();
        await using var server = await StartAsync(provider);
        provider.Groups = why == "no group" ? ["staff"] : ["operators"];
        provider.Forges = why == "forged";
        provider.ForgetsNonce = why == "replayed";
        if (why == "subject") provider.Subject = new string('x', 5000);
        using var browser = server.Browser();
        Assert.StartsWith("/login?failed=", await LogInAsync(browser, "/"), StringComparison.Ordinal);
        using var me = await browser.GetAsync("/api/v1/me", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, me.StatusCode);
    }

    [Fact]
    public async Task An_answer_that_nobody_asked_for_is_refused()
    {
        await using var provider = await OidcProvider.StartAsync();
        await using var server = await StartAsync(provider);
        using var browser = server.Browser();
        using var answer = await browser.GetAsync("/login/oidc/callback?code=x&state=y", Cancel);
        Assert.Equal("/login?failed=external", answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task Answers_that_nobody_asked_for_are_throttled_and_fill_no_audit_log()
    {
        await using var provider = await OidcProvider.StartAsync();
        await using var server = await StartAsync(provider, o => o with { RequestBurst = 10 });
        using var browser = server.Browser();
        var refused = 0;
        for (var i = 0; i < 30; i++)
        {
            using var answer = await browser.GetAsync("/login/oidc/callback?code=x&state=y", Cancel);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests) refused++;
        }

        Assert.InRange(refused, 1, 20);
        Assert.Empty(await server.Running.Services.GetRequiredService<AuditLog>().ListAsync(null, 100, Cancel));
    }

    [Fact]
    public async Task The_sessions_of_such_a_user_can_be_ended()
    {
        await using var provider = await OidcProvider.StartAsync();
        await using var server = await StartAsync(provider);
        provider.Groups = ["operators"];
        using var browser = server.Browser();
        Assert.Equal("/", await LogInAsync(browser, "/"));
        using var admin = await server.ProgramAsync("admin");
        using (var removed = await admin.DeleteAsync("/api/v1/users/oidc:00u1", Cancel)) Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        using (var me = await browser.GetAsync("/api/v1/me", Cancel)) Assert.Equal(HttpStatusCode.Unauthorized, me.StatusCode);
        using var again = await admin.DeleteAsync("/api/v1/users/oidc:00u1", Cancel);
        Assert.Equal("SL9014", await TestServer.CodeAsync(again));
    }

    [Fact]
    public async Task A_provider_without_TLS_is_refused_beyond_loopback()
    {
        var error = await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Oidc = new OidcOptions { Authority = new Uri("http://id.example/"), ClientId = "x", Roles = new Dictionary<string, string>() } }));
        Assert.Equal("SL9001", error.Code);
    }

    private static async Task<string> LogInAsync(HttpClient browser, string returnUrl)
    {
        using var challenge = await TestServer.SubmitAsync(browser, "/login", new() { ["returnUrl"] = returnUrl }, "/login/oidc");
        Assert.Equal(HttpStatusCode.Redirect, challenge.StatusCode);
        using var authorized = await browser.GetAsync(challenge.Headers.Location, Cancel);
        using var back = await browser.GetAsync(authorized.Headers.Location, Cancel);
        return back.Headers.Location!.OriginalString;
    }

    private static Task<TestServer> StartAsync(OidcProvider provider, Func<ServerOptions, ServerOptions>? change = null) => TestServer.StartAsync(o =>
    {
        var secret = Path.Combine(o.StateDirectory, "oidc-secret");
        File.WriteAllText(secret, "the client's secret\n");
        PosixPath.SetPermissions(secret, 0x180 /* 0600 */);
        return (change?.Invoke(o) ?? o) with
        {
            Oidc = new OidcOptions { Authority = provider.Issuer, ClientId = "sealift", ClientSecretFile = secret, Roles = new Dictionary<string, string> { ["operators"] = "operate" } },
        };
    });
}
