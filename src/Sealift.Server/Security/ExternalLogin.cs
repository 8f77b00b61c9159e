using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;

namespace Sealift.Server.Security;

/// <summary>Users whom a provider of identities vouches for: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).</summary>
internal static class ExternalLogin
{
    /// <summary>The name of the scheme.</summary>
    public const string Scheme = "oidc";

    /// <summary>Where the provider sends browsers back to.</summary>
    public const string Callback = "/login/oidc/callback";

    private const string Via = "login oidc";

    /// <summary>Adds the way in.</summary>
    public static void Add(AuthenticationBuilder authentication, OidcOptions oidc, ServerOptions server)
    {
        var isLoopback = oidc.Authority.IsLoopback;
        if (oidc.Authority.Scheme != Uri.UriSchemeHttps && !isLoopback) throw ServerErrors.BadSettings("oidc.authority", $"{oidc.Authority} is not https");
        foreach (var role in oidc.Roles.Values)
        {
            if (!Scope.All.Contains(role)) throw ServerErrors.BadSettings("oidc.roles", $"'{role}' is none of {string.Join(", ", Scope.All)}");
        }

        var secret = oidc.ClientSecretFile is { } file ? ServerSettings.FirstLine(file) : null;
        authentication.AddOpenIdConnect(Scheme, o =>
        {
            o.Authority = oidc.Authority.AbsoluteUri;
            o.RequireHttpsMetadata = oidc.Authority.Scheme == Uri.UriSchemeHttps;
            o.ClientId = oidc.ClientId;
            o.ClientSecret = secret;
            o.SignInScheme = SessionAuthentication.SchemeName;
            o.ResponseType = OpenIdConnectResponseType.Code;
            // By a redirect and not by a form: its cookies then need not be sent with requests of other sites.
            o.ResponseMode = OpenIdConnectResponseMode.Query;
            o.UsePkce = true;
            o.MapInboundClaims = false;
            o.SaveTokens = false;
            o.GetClaimsFromUserInfoEndpoint = false;
            o.CallbackPath = Callback;
            o.Scope.Clear();
            o.Scope.Add("openid");
            o.Scope.Add("profile");
            o.BackchannelTimeout = TimeSpan.FromSeconds(20);
            foreach (var cookie in new[] { o.CorrelationCookie, o.NonceCookie })
            {
                cookie.SameSite = SameSiteMode.Lax;
                cookie.SecurePolicy = server.IsTls ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            }

            o.Events.OnTokenValidated = context => AdmitAsync(context, oidc);
            o.Events.OnRemoteFailure = async context =>
            {
                // What the provider or an attacker says is written into the log and not onto the page.
                var said = ServeReport.Printable(context.Failure?.Message ?? string.Empty);
                if (context.Properties is null)
                {
                    // No login that began here: anybody can send as many as they like, and none may fill the audit log, from which nothing is removed.
                    LogForeign(context.HttpContext.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ExternalLogin)), Address(context.HttpContext), said.Length <= 300 ? said : said[..300], null);
                    context.Response.Redirect("/login?failed=external");
                    context.HandleResponse();
                    return;
                }

                var audit = context.HttpContext.RequestServices.GetRequiredService<AuditLog>();
                await audit.AddAsync(string.Empty, Via, Address(context.HttpContext), "login", string.Empty, $"SL9022: {context.Failure?.Message}", CancellationToken.None);
                context.Response.Redirect("/login?failed=external");
                context.HandleResponse();
            };
        });
    }

    private static async Task AdmitAsync(TokenValidatedContext context, OidcOptions oidc)
    {
        var audit = context.HttpContext.RequestServices.GetRequiredService<AuditLog>();
        var subject = context.Principal?.FindFirstValue("sub") is { Length: > 0 and <= 200 } sub ? $"oidc:{sub}" : null;
        var roles = context.Principal?.FindAll(oidc.RoleClaim).Select(c => oidc.Roles.GetValueOrDefault(c.Value)).OfType<string>().Distinct().ToList() ?? [];
        if (subject is null || roles.Count == 0)
        {
            await audit.AddAsync(subject ?? string.Empty, Via, Address(context.HttpContext), "login", string.Empty, "denied", CancellationToken.None);
            context.Response.Redirect("/login?failed=role");
            context.HandleResponse();
            return;
        }

        var display = context.Principal!.FindFirstValue("name") ?? context.Principal!.FindFirstValue("preferred_username") ?? subject;
        context.Principal = SessionAuthentication.Principal(subject, display.Length <= 100 ? display : display[..100], roles, "session", SessionAuthentication.SchemeName);
        await audit.AddAsync(subject, Via, Address(context.HttpContext), "login", string.Empty, "done", CancellationToken.None);
    }

    private static readonly Action<ILogger, string, string, Exception?> LogForeign = LoggerMessage.Define<string, string>(LogLevel.Warning, new EventId(1, "foreign-login"), "SL9022: {Address} came back from a login that did not begin here: {Said}");

    private static string Address(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? string.Empty;
}
