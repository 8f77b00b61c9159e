using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Sealift.Server.Accounts;

namespace Sealift.Server.Security;

/// <summary>Browsers: a cookie with the secret of a session. HttpOnly, SameSite=Lax, and Secure where TLS is spoken.</summary>
internal sealed class SessionAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, LoginSessions sessions, ServerOptions server)
    : SignInAuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The name of the scheme.</summary>
    public const string SchemeName = "session";

    /// <summary>The type of the claim that says by what somebody is logged in.</summary>
    public const string ViaClaim = "via";

    /// <summary>The cookie's name. With TLS browsers themselves see to it that no other host and no plain connection can set it: RFC 6265bis, section 4.1.3.2.</summary>
    public static string CookieName(ServerOptions server) => server.IsTls ? "__Host-sealift-session" : "sealift-session";

    /// <summary>Who somebody is, as claims.</summary>
    public static ClaimsPrincipal Principal(string user, string display, IReadOnlyList<string> scopes, string via, string scheme) => new(new ClaimsIdentity(
        [new Claim(ClaimTypes.NameIdentifier, user), new Claim(ClaimTypes.Name, display), new Claim(ViaClaim, via), .. scopes.Select(s => new Claim(Scope.ClaimType, s))], scheme));

    /// <summary>Begins a session and sets its cookie.</summary>
    public static async Task BeginAsync(HttpContext context, string user, string display, IReadOnlyList<string>? externalRoles)
    {
        var (sessions, server) = (context.RequestServices.GetRequiredService<LoginSessions>(), context.RequestServices.GetRequiredService<ServerOptions>());
        // A session that was there before ends: nobody can put a session under somebody who then logs in.
        if (context.Request.Cookies[CookieName(server)] is { Length: RandomSecret.Characters } old) await sessions.EndAsync(old, context.RequestAborted);
        var secret = await sessions.BeginAsync(user, display, externalRoles, context.Connection.RemoteIpAddress?.ToString() ?? string.Empty, context.RequestAborted);
        context.Response.Cookies.Append(CookieName(server), secret, Cookie(server));
    }

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Cookies[CookieName(server)] is not { Length: RandomSecret.Characters } secret) return AuthenticateResult.NoResult();
        var session = await sessions.FindAsync(secret, Context.RequestAborted);
        return session is null
            ? AuthenticateResult.Fail("The session is over")
            : AuthenticateResult.Success(new AuthenticationTicket(Principal(session.User, session.Display, session.Scopes, "session", SchemeName), SchemeName));
    }

    /// <inheritdoc/>
    protected override Task HandleSignInAsync(ClaimsPrincipal user, AuthenticationProperties? properties) => BeginAsync(
        Context,
        user.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("Nobody was named"),
        user.Identity?.Name ?? user.FindFirstValue(ClaimTypes.NameIdentifier)!,
        [.. user.FindAll(Scope.ClaimType).Select(c => c.Value)]);

    /// <inheritdoc/>
    protected override async Task HandleSignOutAsync(AuthenticationProperties? properties)
    {
        if (Request.Cookies[CookieName(server)] is { Length: RandomSecret.Characters } secret) await sessions.EndAsync(secret, Context.RequestAborted);
        Response.Cookies.Delete(CookieName(server), Cookie(server));
    }

    /// <inheritdoc/>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (ApiPath.Is(Request)) return Api.Problem.WriteAsync(Context, StatusCodes.Status401Unauthorized, ServerErrors.NotLoggedIn());
        Response.Redirect($"/login?returnUrl={Uri.EscapeDataString(Request.Path + Request.QueryString)}");
        return Task.CompletedTask;
    }

    private static CookieOptions Cookie(ServerOptions server) => new() { HttpOnly = true, Secure = server.IsTls, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true };
}
