using Sealift.Server.Database;

namespace Sealift.Server.Accounts;

/// <summary>Who a session belongs to.</summary>
/// <param name="User">The user's name; <c>oidc:SUBJECT</c> for one whom a provider of identities vouches for.</param>
/// <param name="Display">What pages call the user.</param>
/// <param name="Scopes">What the user may do at this moment.</param>
internal sealed record LoginSession(string User, string Display, IReadOnlyList<string> Scopes);

/// <summary>Sessions of browsers. The cookie has a random secret and the database its hash, so that every server of a database knows every session, and a stolen database opens none.</summary>
internal sealed class LoginSessions(ServerDatabase database, ServerOptions options, TimeProvider time)
{
    // Seen is written so often at most: a browser that asks twice a second must not make the database write twice a second.
    private static readonly TimeSpan SeenResolution = TimeSpan.FromMinutes(1);

    /// <summary>Begins one.</summary>
    /// <param name="user">Whose.</param>
    /// <param name="display">What pages call the user.</param>
    /// <param name="externalRoles">The roles that a provider of identities gave; null for a user of the server itself, whose roles are looked up each time.</param>
    /// <param name="address">Where from.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The secret for the cookie.</returns>
    public async Task<string> BeginAsync(string user, string display, IReadOnlyList<string>? externalRoles, string address, CancellationToken cancel)
    {
        var secret = RandomSecret.New();
        var now = time.GetUtcNow();
        await database.TransactAsync(
            async s =>
            {
                var over = await s.ExecuteAsync("DELETE FROM server_session WHERE expires_at <= @now OR seen_at <= @idle", ("now", StoredTime.Of(now)), ("idle", StoredTime.Of(now - options.SessionIdle)));
                return over + await s.ExecuteAsync(
                    "INSERT INTO server_session (id, user_name, display, roles, created_at, seen_at, expires_at, address) VALUES (@id, @user, @display, @roles, @now, @now, @expires, @address)",
                    ("id", RandomSecret.Hash(secret)), ("user", user), ("display", display), ("roles", externalRoles is null ? null : Scope.Join(externalRoles)), ("now", StoredTime.Of(now)), ("expires", StoredTime.Of(now + options.SessionLifetime)), ("address", address));
            },
            cancel);
        return secret;
    }

    /// <summary>The session of a secret; null where there is none, or it is over.</summary>
    public async Task<LoginSession?> FindAsync(string secret, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var found = await database.QueryAsync(
            """
            SELECT s.user_name, s.display, coalesce(s.roles, u.roles), s.seen_at, s.expires_at
            FROM server_session s LEFT JOIN server_user u ON u.name = s.user_name
            WHERE s.id = @id AND (s.roles IS NOT NULL OR u.name IS NOT NULL)
            """,
            r => (Session: new LoginSession(r.GetString(0), r.GetString(1), Scope.Expand(Scope.Split(r.GetString(2)))), SeenAt: StoredTime.OfColumn(r, 3)!.Value, ExpiresAt: StoredTime.OfColumn(r, 4)!.Value),
            cancel,
            ("id", RandomSecret.Hash(secret)));
        if (found.Count == 0 || found[0].ExpiresAt <= now || found[0].SeenAt + options.SessionIdle <= now) return null;
        if (now - found[0].SeenAt >= SeenResolution)
            _ = await database.ExecuteAsync("UPDATE server_session SET seen_at = @now WHERE id = @id", cancel, ("now", StoredTime.Of(now)), ("id", RandomSecret.Hash(secret))); // 0: it was ended this very moment
        return found[0].Session;
    }

    /// <summary>Ends one.</summary>
    public Task EndAsync(string secret, CancellationToken cancel) => database.ExecuteAsync("DELETE FROM server_session WHERE id = @id", cancel, ("id", RandomSecret.Hash(secret)));
}
