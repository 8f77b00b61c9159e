using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Sealift.Server.Tests;

/// <summary>A provider of identities that does what OpenID Connect Core 1.0 asks of one for the code flow with PKCE, with a key of its own. Whoever comes is let through at once.</summary>
internal sealed class OidcProvider : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly RSA rsa = RSA.Create(2048);
    private readonly ConcurrentDictionary<string, (string Nonce, string Challenge, string RedirectUri)> codes = new();

    private OidcProvider(WebApplication application) => this.application = application;

    public Uri Issuer { get; private set; } = null!;

    /// <summary>The groups of whoever logs in.</summary>
    public string[] Groups { get; set; } = [];

    public string Subject { get; set; } = "00u1";

    /// <summary>Signs with a key that is not published.</summary>
    public bool Forges { get; set; }

    /// <summary>Answers with another nonce than was asked for.</summary>
    public bool ForgetsNonce { get; set; }

    public static async Task<OidcProvider> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        var application = builder.Build();
        var provider = new OidcProvider(application);
        application.UseRouting();
        application.MapGet("/.well-known/openid-configuration", () => Results.Json(new Dictionary<string, object>
        {
            ["issuer"] = provider.Issuer.AbsoluteUri,
            ["authorization_endpoint"] = new Uri(provider.Issuer, "authorize").AbsoluteUri,
            ["token_endpoint"] = new Uri(provider.Issuer, "token").AbsoluteUri,
            ["jwks_uri"] = new Uri(provider.Issuer, "keys").AbsoluteUri,
            ["response_types_supported"] = new[] { "code" },
            ["id_token_signing_alg_values_supported"] = new[] { "RS256" },
        }));
        application.MapGet("/keys", () =>
        {
            var key = provider.rsa.ExportParameters(false);
            return Results.Json(new { keys = new[] { new { kty = "RSA", use = "sig", kid = "1", alg = "RS256", n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) } } });
        });
        application.MapGet("/authorize", (HttpRequest request) =>
        {
            var code = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
            var redirect = request.Query["redirect_uri"].ToString();
            Assert.Equal(("code", "S256", "sealift"), (request.Query["response_type"].ToString(), request.Query["code_challenge_method"].ToString(), request.Query["client_id"].ToString()));
            provider.codes[code] = (request.Query["nonce"].ToString(), request.Query["code_challenge"].ToString(), redirect);
            return Results.Redirect($"{redirect}?code={code}&state={Uri.EscapeDataString(request.Query["state"].ToString())}");
        });
        application.MapPost("/token", async (HttpRequest request) =>
        {
            var form = await request.ReadFormAsync();
            if (!provider.codes.TryRemove(form["code"].ToString(), out var asked)
                || Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != asked.Challenge
                || form["client_secret"] != "the client's secret"
                || form["redirect_uri"] != asked.RedirectUri) return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
            using var forged = RSA.Create(2048);
            var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
            {
                Issuer = provider.Issuer.AbsoluteUri,
                Audience = "sealift",
                Expires = DateTime.UtcNow.AddMinutes(5),
                Claims = new Dictionary<string, object> { ["sub"] = provider.Subject, ["name"] = "Alice <b>", ["nonce"] = provider.ForgetsNonce ? "another" : asked.Nonce, ["groups"] = provider.Groups },
                SigningCredentials = new SigningCredentials(new RsaSecurityKey(provider.Forges ? forged : provider.rsa) { KeyId = "1", CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } }, SecurityAlgorithms.RsaSha256),
            });
            return Results.Json(new { access_token = "opaque", token_type = "Bearer", expires_in = 300, id_token = token });
        });
        await application.StartAsync(TestServer.Cancel);
        provider.Issuer = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/");
        return provider;
    }

    public async ValueTask DisposeAsync()
    {
        await application.StopAsync();
        await application.DisposeAsync();
        rsa.Dispose();
    }
}
