namespace Sealift.Server.Accounts;

/// <summary>The one way to the first user: a link that only whoever started the server can read. It is good once, for an hour, and only while there is no user.</summary>
internal sealed class SetUpLink(UserAccounts users, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly Lock gate = new();
    private (string Hash, DateTimeOffset Until)? current;

    /// <summary>Makes one.</summary>
    /// <returns>Its secret.</returns>
    public string Make()
    {
        var secret = RandomSecret.New();
        lock (gate) current = (RandomSecret.Hash(secret), time.GetUtcNow() + Lifetime);
        return secret;
    }

    /// <summary>Whether a secret is good.</summary>
    public bool IsGood(string? secret)
    {
        lock (gate) return secret is { Length: RandomSecret.Characters } && current is { } c && c.Until > time.GetUtcNow() && RandomSecret.Matches(secret, c.Hash);
    }

    /// <summary>Makes the first user, who may do all.</summary>
    /// <exception cref="Posix.SealiftException">SL9015: the link is good no more. As <see cref="UserAccounts.AddAsync"/>.</exception>
    public async Task UseAsync(string? secret, string name, string password, CancellationToken cancel)
    {
        if (!IsGood(secret)) throw ServerErrors.SetUpAlready();
        await users.AddAsync(name, password, [Scope.Admin], onlyFirst: true, cancel);
        lock (gate) current = null;
    }
}
