using System.Security.Cryptography;
using Sealift.Posix;
using Sealift.Server.Database;

namespace Sealift.Server.Accounts;

/// <summary>A token, without its secret.</summary>
/// <param name="Id">What names it.</param>
/// <param name="User">Whose it is.</param>
/// <param name="Name">What the user calls it.</param>
/// <param name="Scopes">What it may do, as far as its user may.</param>
/// <param name="CreatedAt">Since when, in UTC.</param>
/// <param name="ExpiresAt">Until when, in UTC.</param>
/// <param name="UsedAt">When it was last used, in UTC, to a minute; null where it never was.</param>
public sealed record ApiToken(string Id, string User, string Name, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? UsedAt);

/// <summary>Tokens of the API: <c>sealift_ID_SECRET</c>. The database has the hash of the secret.</summary>
internal sealed class ApiTokens(ServerDatabase database, TimeProvider time)
{
    private const string Prefix = "sealift_";
    private const int IdCharacters = 10, MostOfAUser = 100;
    private static readonly TimeSpan UsedResolution = TimeSpan.FromMinutes(1);

    /// <summary>Makes one.</summary>
    /// <returns>The token, which nobody can read again, and what is known of it.</returns>
    /// <exception cref="SealiftException">SL9012: a scope is none. SL9014: the user is none of the server's own. SL9017: too many, or a name or an end that is none.</exception>
    public async Task<(string Token, ApiToken Known)> CreateAsync(string user, string name, IReadOnlyCollection<string> scopes, TimeSpan lifetime, CancellationToken cancel)
    {
        if (name.Length is 0 or > 100 || name.Any(char.IsControl)) throw ServerErrors.BadToken(name, "its name should have 1 to 100 characters");
        if (lifetime < TimeSpan.FromMinutes(1) || lifetime > TimeSpan.FromDays(366)) throw ServerErrors.BadToken(name, "it should live from a minute to 366 days");
        var words = Scope.Check(scopes);
        var (id, secret, now) = (RandomNumberGenerator.GetString("bcdfghjkmnpqrstvwxz23456789", IdCharacters), RandomSecret.New(), time.GetUtcNow());
        var known = new ApiToken(id, user, name, words, now, now + lifetime, null);
        await database.TransactAsync<int>(
            async s =>
            {
                if ((await s.QueryAsync("SELECT name FROM server_user WHERE name = @user", r => r.GetString(0), ("user", user))).Count == 0) throw ServerErrors.NoUser(user);
                if ((await s.QueryAsync("SELECT count(*) FROM server_token WHERE user_name = @user", r => r.GetInt64(0), ("user", user)))[0] >= MostOfAUser) throw ServerErrors.BadToken(name, $"{user} has {MostOfAUser} of them already");
                return await s.ExecuteAsync(
                    "INSERT INTO server_token (id, hash, user_name, name, scopes, created_at, expires_at) VALUES (@id, @hash, @user, @name, @scopes, @now, @expires)",
                    ("id", id), ("hash", RandomSecret.Hash(secret)), ("user", user), ("name", name), ("scopes", Scope.Join(words)), ("now", StoredTime.Of(now)), ("expires", StoredTime.Of(now + lifetime)));
            },
            cancel);
        return ($"{Prefix}{id}_{secret}", known);
    }

    /// <summary>Those of a user, or of all.</summary>
    public Task<IReadOnlyList<ApiToken>> ListAsync(string? user, CancellationToken cancel) => database.QueryAsync(
        "SELECT id, user_name, name, scopes, created_at, expires_at, used_at FROM server_token WHERE @every = 1 OR user_name = @user ORDER BY created_at, id",
        r => new ApiToken(r.GetString(0), r.GetString(1), r.GetString(2), Scope.Split(r.GetString(3)), StoredTime.OfColumn(r, 4)!.Value, StoredTime.OfColumn(r, 5)!.Value, StoredTime.OfColumn(r, 6)),
        cancel,
        ("every", user is null ? 1 : 0),
        ("user", user ?? string.Empty));

    /// <summary>Whose token it is and what it may do now; null where it is none, or is over.</summary>
    public async Task<(string User, string Name, IReadOnlyList<string> Scopes)?> FindAsync(string token, CancellationToken cancel)
    {
        if (token.Length != Prefix.Length + IdCharacters + 1 + RandomSecret.Characters || !token.StartsWith(Prefix, StringComparison.Ordinal) || token[Prefix.Length + IdCharacters] != '_') return null;
        var now = time.GetUtcNow();
        var id = token.Substring(Prefix.Length, IdCharacters);
        var found = await database.QueryAsync(
            "SELECT t.hash, t.user_name, t.name, t.scopes, u.roles, t.expires_at, t.used_at FROM server_token t JOIN server_user u ON u.name = t.user_name WHERE t.id = @id",
            r => (Hash: r.GetString(0), User: r.GetString(1), Name: r.GetString(2), Scopes: r.GetString(3), Roles: r.GetString(4), ExpiresAt: StoredTime.OfColumn(r, 5)!.Value, UsedAt: StoredTime.OfColumn(r, 6)),
            cancel,
            ("id", id));
        if (found.Count == 0 || !RandomSecret.Matches(token[(Prefix.Length + IdCharacters + 1)..], found[0].Hash) || found[0].ExpiresAt <= now) return null;
        if (found[0].UsedAt is not { } used || now - used >= UsedResolution)
            _ = await database.ExecuteAsync("UPDATE server_token SET used_at = @now WHERE id = @id", cancel, ("now", StoredTime.Of(now)), ("id", id)); // 0: it was removed this very moment
        // A token never outlives what its user may.
        return (found[0].User, found[0].Name, [.. Scope.Expand(Scope.Split(found[0].Scopes)).Intersect(Scope.Expand(Scope.Split(found[0].Roles)))]);
    }

    /// <summary>Removes one.</summary>
    /// <param name="id">Which.</param>
    /// <param name="user">Whose it must be; null for anybody's.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL9018: there is none.</exception>
    public async Task RemoveAsync(string id, string? user, CancellationToken cancel)
    {
        if (await database.ExecuteAsync("DELETE FROM server_token WHERE id = @id AND (@every = 1 OR user_name = @user)", cancel, ("id", id), ("every", user is null ? 1 : 0), ("user", user ?? string.Empty)) == 0)
            throw ServerErrors.NoToken(id);
    }
}
