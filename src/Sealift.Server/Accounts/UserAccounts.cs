using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Sealift.Posix;
using Sealift.Server.Database;

namespace Sealift.Server.Accounts;

/// <summary>A user.</summary>
/// <param name="Name">The name.</param>
/// <param name="Roles">What the user may do, words of <see cref="Scope"/>.</param>
/// <param name="CreatedAt">Since when, in UTC.</param>
/// <param name="LockedUntil">Until when no password is looked at, because too many were wrong; null where it is.</param>
public sealed record UserAccount(string Name, IReadOnlyList<string> Roles, DateTimeOffset CreatedAt, DateTimeOffset? LockedUntil);

/// <summary>What came of a password.</summary>
internal enum PasswordAnswer
{
    /// <summary>It is right.</summary>
    Right,

    /// <summary>It is wrong, or there is no such user: nobody is told which.</summary>
    Wrong,

    /// <summary>It was not looked at.</summary>
    Locked,
}

/// <summary>The users of the server itself.</summary>
/// <remarks>
/// Passwords are kept as ASP.NET Core Identity keeps them: PBKDF2 with HMAC-SHA512 and a salt of 128 bits, here with 600,000 rounds.
/// It is part of the framework, is kept up with it, and a later number of rounds is noticed in the hash. Argon2 would cost an
/// attacker more memory, by a library that nobody of the framework keeps.
/// </remarks>
internal sealed partial class UserAccounts(ServerDatabase database, TimeProvider time, int rounds = UserAccounts.Rounds) : IDisposable
{
    /// <summary>Rounds of PBKDF2.</summary>
    public const int Rounds = 600_000;

    /// <summary>Wrong passwords in a row before the next is not looked at for a while.</summary>
    public const int FreeFailures = 5;

    private const int ShortestPassword = 12, LongestPassword = 1024;

    private static readonly TimeSpan FirstLock = TimeSpan.FromSeconds(30), LongestLock = TimeSpan.FromMinutes(15), Patience = TimeSpan.FromSeconds(10);

    private readonly PasswordHasher<string> hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = rounds }));

    // A hash takes a processor for a while: whoever sends many must not take all of them.
    private readonly SemaphoreSlim atWork = new(2);

    private string? nobody;

    public void Dispose() => atWork.Dispose();

    /// <summary>All, by name.</summary>
    public Task<IReadOnlyList<UserAccount>> ListAsync(CancellationToken cancel) => database.QueryAsync(
        "SELECT name, roles, created_at, locked_until FROM server_user ORDER BY name",
        r => new UserAccount(r.GetString(0), Scope.Split(r.GetString(1)), StoredTime.OfColumn(r, 2)!.Value, StoredTime.OfColumn(r, 3) is { } until && until > time.GetUtcNow() ? until : null),
        cancel);

    /// <summary>Whether there is one at all.</summary>
    public async Task<bool> AnyAsync(CancellationToken cancel) => (await database.QueryAsync("SELECT name FROM server_user LIMIT 1", r => r.GetString(0), cancel)).Count > 0;

    /// <summary>The roles of a user; null where there is none.</summary>
    public async Task<IReadOnlyList<string>?> RolesAsync(string name, CancellationToken cancel) =>
        (await database.QueryAsync("SELECT roles FROM server_user WHERE name = @name", r => Scope.Split(r.GetString(0)), cancel, ("name", name))).SingleOrDefault();

    /// <summary>Adds one.</summary>
    /// <param name="name">The name.</param>
    /// <param name="password">The password.</param>
    /// <param name="roles">What the user may do.</param>
    /// <param name="onlyFirst">Whether it must be the first.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL9010: the name is none. SL9011: the password is none. SL9012: a role is none. SL9013: there is such a user. SL9015: it is not the first.</exception>
    public async Task AddAsync(string name, string password, IReadOnlyCollection<string> roles, bool onlyFirst, CancellationToken cancel)
    {
        if (!NamePattern().IsMatch(name)) throw ServerErrors.BadUserName(name);
        var words = Scope.Check(roles);
        var hash = await HashAsync(name, password, cancel);
        await database.TransactAsync<int>(
            async s =>
            {
                if (onlyFirst && (await s.QueryAsync("SELECT count(*) FROM server_user", r => r.GetInt64(0)))[0] > 0) throw ServerErrors.SetUpAlready();
                var added = await s.ExecuteAsync(
                    "INSERT INTO server_user (name, roles, password, created_at, failures, locked_until) VALUES (@name, @roles, @password, @at, 0, 0) ON CONFLICT (name) DO NOTHING",
                    ("name", name), ("roles", Scope.Join(words)), ("password", hash), ("at", StoredTime.Of(time.GetUtcNow())));
                return added == 1 ? added : throw ServerErrors.UserExists(name);
            },
            cancel);
    }

    /// <summary>Gives a user another password; every session of the user ends.</summary>
    /// <exception cref="SealiftException">SL9011: the password is none. SL9014: there is no such user.</exception>
    public async Task SetPasswordAsync(string name, string password, CancellationToken cancel)
    {
        var hash = await HashAsync(name, password, cancel);
        await database.TransactAsync(
            async s =>
            {
                if (await s.ExecuteAsync("UPDATE server_user SET password = @password, failures = 0, locked_until = 0 WHERE name = @name", ("name", name), ("password", hash)) == 0) throw ServerErrors.NoUser(name);
                return await s.ExecuteAsync("DELETE FROM server_session WHERE user_name = @name", ("name", name));
            },
            cancel);
    }

    /// <summary>Gives a user other roles; sessions and tokens have them from their next request on.</summary>
    /// <exception cref="SealiftException">SL9012: a role is none. SL9014: there is no such user. SL9016: nobody could change anything any more.</exception>
    public Task SetRolesAsync(string name, IReadOnlyCollection<string> roles, CancellationToken cancel)
    {
        var words = Scope.Check(roles);
        return database.TransactAsync(
            async s =>
            {
                if (await s.ExecuteAsync("UPDATE server_user SET roles = @roles WHERE name = @name", ("name", name), ("roles", Scope.Join(words))) == 0) throw ServerErrors.NoUser(name);
                return await CheckSomebodyIsLeftAsync(s, name);
            },
            cancel);
    }

    /// <summary>Removes a user, with sessions and tokens; of one whom a provider of identities vouches for, these are all there is.</summary>
    /// <exception cref="SealiftException">SL9014: there is neither such a user nor a session or token of one. SL9016: nobody could change anything any more.</exception>
    public Task RemoveAsync(string name, CancellationToken cancel) => database.TransactAsync(
        async s =>
        {
            var sessions = await s.ExecuteAsync("DELETE FROM server_session WHERE user_name = @name", ("name", name));
            var tokens = await s.ExecuteAsync("DELETE FROM server_token WHERE user_name = @name", ("name", name));
            if (await s.ExecuteAsync("DELETE FROM server_user WHERE name = @name", ("name", name)) > 0) return sessions + tokens + await CheckSomebodyIsLeftAsync(s, name);
            return sessions + tokens > 0 ? sessions + tokens : throw ServerErrors.NoUser(name);
        },
        cancel);

    /// <summary>Looks at a password. It counts as wrong before it is looked at, so that many at once are no way around the count.</summary>
    public async Task<PasswordAnswer> VerifyAsync(string name, string password, CancellationToken cancel)
    {
        if (password.Length > LongestPassword) return PasswordAnswer.Wrong;
        var now = time.GetUtcNow();
        var (exists, stored) = await database.TransactAsync(
            async s =>
            {
                var found = await s.QueryAsync("SELECT password, failures, locked_until FROM server_user WHERE name = @name", r => (Password: r.GetString(0), Failures: r.GetInt64(1), LockedUntil: StoredTime.OfColumn(r, 2)!.Value), ("name", name));
                if (found.Count == 0) return (false, (string?)null);
                if (found[0].LockedUntil > now) return (true, null);
                var counted = await s.ExecuteAsync(
                    "UPDATE server_user SET failures = failures + 1, locked_until = @until WHERE name = @name AND failures = @failures",
                    ("name", name), ("failures", found[0].Failures), ("until", StoredTime.Of(now + LockAfter(found[0].Failures + 1))));
                return (true, counted == 1 ? found[0].Password : null);
            },
            cancel);
        if (exists && stored is null) return PasswordAnswer.Locked;
        await TakeTurnAsync(cancel);
        try
        {
            // A name that nobody has takes as long as one that somebody has.
            nobody ??= hasher.HashPassword("nobody", Guid.NewGuid().ToString());
            var answer = hasher.VerifyHashedPassword(name, stored ?? nobody, password);
            if (stored is null || answer == PasswordVerificationResult.Failed) return PasswordAnswer.Wrong;
        }
        finally
        {
            atWork.Release();
        }

        // The hash is compared so that a password that was changed meanwhile does not let anybody in.
        var reset = await database.ExecuteAsync("UPDATE server_user SET failures = 0, locked_until = 0 WHERE name = @name AND password = @password", cancel, ("name", name), ("password", stored));
        return reset == 1 ? PasswordAnswer.Right : PasswordAnswer.Wrong;
    }

    private static TimeSpan LockAfter(long failures) => failures < FreeFailures ? TimeSpan.Zero
        : failures - FreeFailures >= 5 ? LongestLock
        : FirstLock * (1 << (int)(failures - FreeFailures));

    private static async Task<int> CheckSomebodyIsLeftAsync(Statements statements, string name)
    {
        var admins = await statements.QueryAsync("SELECT count(*) FROM server_user WHERE roles LIKE '%admin%'", r => r.GetInt64(0));
        return admins[0] > 0 ? 0 : throw ServerErrors.LastAdmin(name);
    }

    /// <exception cref="SealiftException">SL9027: so many wait that whoever asks now is better told so.</exception>
    private async Task TakeTurnAsync(CancellationToken cancel)
    {
        if (!await atWork.WaitAsync(Patience, cancel)) throw ServerErrors.TooManyRequests((int)Patience.TotalSeconds);
    }

    private async Task<string> HashAsync(string name, string password, CancellationToken cancel)
    {
        if (password.Length is < ShortestPassword or > LongestPassword) throw ServerErrors.BadPassword(name, $"it has {password.Length} characters, and should have {ShortestPassword} to {LongestPassword}");
        if (password.Contains(name, StringComparison.OrdinalIgnoreCase)) throw ServerErrors.BadPassword(name, "it has the name of the user in it");
        if (password.Distinct().Count() < 5) throw ServerErrors.BadPassword(name, "it is made of fewer than 5 different characters");
        await TakeTurnAsync(cancel);
        try
        {
            return hasher.HashPassword(name, password);
        }
        finally
        {
            atWork.Release();
        }
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{0,63}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
