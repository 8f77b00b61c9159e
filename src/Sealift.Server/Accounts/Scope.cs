using System.Security.Claims;

namespace Sealift.Server.Accounts;

/// <summary>What users and tokens may do. <c>plan</c> and <c>operate</c> include <c>read</c>; <c>admin</c> includes all.</summary>
public static class Scope
{
    /// <summary>Look at everything but users and the audit log.</summary>
    public const string Read = "read";

    /// <summary>Write documents.</summary>
    public const string Plan = "plan";

    /// <summary>Begin, cut over, cancel and retry runs.</summary>
    public const string Operate = "operate";

    /// <summary>Users, tokens of others, the audit log.</summary>
    public const string Admin = "admin";

    /// <summary>The type of the claims that name scopes.</summary>
    public const string ClaimType = "scope";

    /// <summary>All, the least first.</summary>
    public static IReadOnlyList<string> All { get; } = [Read, Plan, Operate, Admin];

    /// <summary>Whether somebody may.</summary>
    public static bool Has(this ClaimsPrincipal who, string scope) => who.HasClaim(ClaimType, scope);

    /// <summary>Scopes with all that they include.</summary>
    internal static IReadOnlyList<string> Expand(IEnumerable<string> given)
    {
        var set = given.ToHashSet(StringComparer.Ordinal);
        if (set.Contains(Admin)) return All;
        if (set.Contains(Plan) || set.Contains(Operate)) set.Add(Read);
        return [.. All.Where(set.Contains)];
    }

    /// <summary>Checks and orders words that somebody gave.</summary>
    /// <exception cref="Posix.SealiftException">SL9012: one of them is none, or there is none.</exception>
    internal static IReadOnlyList<string> Check(IReadOnlyCollection<string> given)
    {
        if (given.Count == 0) throw ServerErrors.BadScope("(none)");
        if (given.Any(s => !All.Contains(s))) throw ServerErrors.BadScope(given.First(s => !All.Contains(s)) ?? "null");
        return [.. All.Where(given.Contains)];
    }

    /// <summary>As they stand in the database.</summary>
    internal static string Join(IEnumerable<string> scopes) => string.Join(' ', scopes);

    /// <summary>Out of the database.</summary>
    internal static IReadOnlyList<string> Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
