using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Sealift.Server.Accounts;

namespace Sealift.Server.Security;

/// <summary>Programs: <c>Authorization: Bearer TOKEN</c>; RFC 6750.</summary>
internal sealed class TokenAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ApiTokens tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The name of the scheme.</summary>
    public const string SchemeName = "token";

    private const string Bearer = "Bearer ";

    /// <summary>Whether a request says who it is by a token. Then a cookie does not count, and no browser can be made to send it.</summary>
    public static bool IsUsedBy(HttpRequest request) => request.Headers.Authorization.Count > 0;

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers.Authorization is not [{ } header] || !header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.Fail("There is no token");
        var found = await tokens.FindAsync(header[Bearer.Length..].Trim(), Context.RequestAborted);
        return found is not { } token
            ? AuthenticateResult.Fail("The token is wrong, or is over")
            : AuthenticateResult.Success(new AuthenticationTicket(SessionAuthentication.Principal(token.User, token.User, token.Scopes, $"token {token.Name}", SchemeName), SchemeName));
    }

    /// <inheritdoc/>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer realm=\"sealift\"";
        return Api.Problem.WriteAsync(Context, StatusCodes.Status401Unauthorized, ServerErrors.NotLoggedIn());
    }
}
