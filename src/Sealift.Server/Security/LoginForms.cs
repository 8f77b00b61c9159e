using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Auditing;

namespace Sealift.Server.Security;

/// <summary>What the forms of the login, the logout and the set-up send. Each has the antiforgery token of its page.</summary>
internal static class LoginForms
{
    /// <summary>Maps them.</summary>
    public static void MapLoginForms(this WebApplication application, ServerOptions options)
    {
        application.MapPost("/login", LoginAsync).AllowAnonymous().RequireRateLimiting(Guard.LoginRate).ExcludeFromDescription();
        application.MapPost("/set-up", SetUpAsync).AllowAnonymous().RequireRateLimiting(Guard.LoginRate).ExcludeFromDescription();
        application.MapPost("/logout", LogoutAsync).ExcludeFromDescription();
        if (options.Oidc is not null)
        {
            application.MapPost("/login/oidc", ([FromForm] string? returnUrl) => Results.Challenge(new AuthenticationProperties { RedirectUri = Local(returnUrl) }, [ExternalLogin.Scheme]))
                .AllowAnonymous().RequireRateLimiting(Guard.LoginRate).ExcludeFromDescription();
        }
    }

    /// <summary>Where a page asks to go afterwards, if that is one of ours; else the overview.</summary>
    public static string Local(string? returnUrl)
    {
        // "//host" and "/\host" are other hosts to browsers, which also drop tabs and line breaks before they look.
        if (returnUrl is not ['/', ..] || returnUrl.Length > 2000 || returnUrl is ['/', '/' or '\\', ..] || returnUrl.Any(char.IsControl)) return "/";
        return returnUrl;
    }

    private static async Task<IResult> LoginAsync([FromForm] string? user, [FromForm] string? password, [FromForm] string? returnUrl, HttpContext context, UserAccounts users, AuditLog audit)
    {
        var (name, address) = (user ?? string.Empty, context.Connection.RemoteIpAddress?.ToString() ?? string.Empty);
        var answer = name.Length is 0 or > 64 ? PasswordAnswer.Wrong : await users.VerifyAsync(name, password ?? string.Empty, context.RequestAborted);
        await audit.AddAsync(name, "login", address, "login", string.Empty, answer switch { PasswordAnswer.Right => "done", PasswordAnswer.Locked => "locked", _ => "denied" }, CancellationToken.None);
        if (answer != PasswordAnswer.Right) return Results.LocalRedirect($"/login?failed={(answer == PasswordAnswer.Locked ? "locked" : "wrong")}&returnUrl={Uri.EscapeDataString(Local(returnUrl))}");
        await SessionAuthentication.BeginAsync(context, name, name, null);
        return Results.LocalRedirect(Local(returnUrl));
    }

    private static async Task<IResult> SetUpAsync([FromForm] string? token, [FromForm] string? user, [FromForm] string? password, HttpContext context, SetUpLink link, AuditLog audit)
    {
        var (name, address) = (user ?? string.Empty, context.Connection.RemoteIpAddress?.ToString() ?? string.Empty);
        try
        {
            await link.UseAsync(token, name, password ?? string.Empty, context.RequestAborted);
        }
        catch (SealiftException e)
        {
            await audit.AddAsync(name, "set-up link", address, "user.add", name, e.Code, CancellationToken.None);
            throw;
        }

        await audit.AddAsync(name, "set-up link", address, "user.add", name, "done", CancellationToken.None);
        await SessionAuthentication.BeginAsync(context, name, name, null);
        return Results.LocalRedirect("/");
    }

    // The form's field is read so that the antiforgery token is asked for.
    private static async Task<IResult> LogoutAsync([FromForm] string? _, HttpContext context, AuditLog audit)
    {
        await audit.AddAsync(context, "logout", string.Empty, "done");
        await context.SignOutAsync(SessionAuthentication.SchemeName);
        return Results.LocalRedirect("/login");
    }
}
