using System.Security.Claims;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;
using Sealift.Server.Security;

namespace Sealift.Server.Api;

/// <summary>Users, tokens, and what was done by whom.</summary>
internal static class AccountsApi
{
    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/me", (ClaimsPrincipal who) => new Me(who.FindFirstValue(ClaimTypes.NameIdentifier)!, who.Identity!.Name!, [.. who.FindAll(Scope.ClaimType).Select(c => c.Value)], who.FindFirstValue(SessionAuthentication.ViaClaim)!))
            .Needs(Scope.Read).WithSummary("Who asks.");

        api.MapGet("/users", (UserAccounts users, CancellationToken cancel) => users.ListAsync(cancel)).Needs(Scope.Admin).WithSummary("The users.");
        api.MapPost("/users", async (NewUser user, HttpContext context, UserAccounts users, CancellationToken cancel) =>
        {
            context.IsAbout(user.Name);
            await users.AddAsync(user.Name, user.Password, user.Roles, onlyFirst: false, cancel);
            return TypedResults.Created($"{ApiRoutes.Root}/users/{user.Name}");
        }).Audited("user.add").Needs(Scope.Admin).WithSummary("Add a user.");
        api.MapPut("/users/{name}/roles", async (string name, NewRoles roles, UserAccounts users, CancellationToken cancel) =>
        {
            await users.SetRolesAsync(name, roles.Roles, cancel);
            return TypedResults.NoContent();
        }).Audited("user.roles").Needs(Scope.Admin).WithSummary("Give a user other roles. Sessions and tokens have them from their next request on.");
        api.MapPut("/users/{name}/password", async (string name, NewPassword password, UserAccounts users, CancellationToken cancel) =>
        {
            await users.SetPasswordAsync(name, password.Password, cancel);
            return TypedResults.NoContent();
        }).Audited("user.password").Needs(Scope.Admin).WithSummary("Give a user another password, which ends all sessions of that user.");
        api.MapDelete("/users/{name}", async (string name, UserAccounts users, CancellationToken cancel) =>
        {
            await users.RemoveAsync(name, cancel);
            return TypedResults.NoContent();
        }).Audited("user.remove").Needs(Scope.Admin).WithSummary("Remove a user, with all sessions and tokens of that user.");

        api.MapGet("/tokens", (bool? all, ClaimsPrincipal who, ApiTokens tokens, CancellationToken cancel) => tokens.ListAsync(all == true && who.Has(Scope.Admin) ? null : who.FindFirstValue(ClaimTypes.NameIdentifier), cancel))
            .Needs(Scope.Read).WithSummary("One's own tokens; with all=true and the scope admin those of everybody. Nobody can see a token's secret.");
        api.MapPost("/tokens", async (NewToken token, HttpContext context, ApiTokens tokens, CancellationToken cancel) =>
        {
            context.IsAbout(token.Name);
            // A token that makes others could never be taken away.
            if (TokenAuthentication.IsUsedBy(context.Request) && !context.User.Has(Scope.Admin)) throw ServerErrors.NotAllowed(context.Request.Path, "a session, or admin");
            var (text, known) = await tokens.CreateAsync(context.Actor(), token.Name, token.Scopes, TimeSpan.FromHours(Math.Clamp(token.LifetimeHours, 0, 1_000_000)), cancel);
            return TypedResults.Created($"{ApiRoutes.Root}/tokens/{known.Id}", new MadeToken(text, known));
        }).Audited("token.add").Needs(Scope.Read).WithSummary("Make a token. Its text is in this answer and nowhere else. What it may do never exceeds what its user may.");
        api.MapDelete("/tokens/{id}", async (string id, HttpContext context, ApiTokens tokens, CancellationToken cancel) =>
        {
            await tokens.RemoveAsync(id, context.User.Has(Scope.Admin) ? null : context.Actor(), cancel);
            return TypedResults.NoContent();
        }).Audited("token.remove").Needs(Scope.Read).WithSummary("Remove a token of one's own; with the scope admin anybody's.");

        api.MapGet("/audit", (long? before, int? limit, AuditLog audit, CancellationToken cancel) => audit.ListAsync(before, Math.Clamp(limit ?? 100, 1, 1000), cancel))
            .Needs(Scope.Admin).WithSummary("Who did what, newest first. The next part begins before the last entry's number.");
    }

    /// <summary>Who asks.</summary>
    internal sealed record Me(string User, string Display, IReadOnlyList<string> Scopes, string Via);

    /// <summary>A user to add.</summary>
    internal sealed record NewUser(string Name, string Password, IReadOnlyList<string> Roles);

    /// <summary>Other roles.</summary>
    internal sealed record NewRoles(IReadOnlyList<string> Roles);

    /// <summary>Another password.</summary>
    internal sealed record NewPassword(string Password);

    /// <summary>A token to make.</summary>
    internal sealed record NewToken(string Name, IReadOnlyList<string> Scopes, int LifetimeHours);

    /// <summary>A token that was made.</summary>
    internal sealed record MadeToken(string Token, ApiToken Known);
}
