using System.Security.Cryptography;
using Sealift.Posix;
using Sealift.Server.Database;

namespace Sealift.Server.Pages;

/// <summary>
/// The drafts of plans, in the database: a browser can go back and forward between the steps of the wizard, be closed, and go on
/// elsewhere, and no session holds anything.
/// </summary>
internal sealed class PlanDrafts(ServerDatabase database, TimeProvider time)
{
    private const int MostOfAUser = 50;
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);

    /// <summary>An id for a new one.</summary>
    public static string NewId() => RandomNumberGenerator.GetString("bcdfghjkmnpqrstvwxz23456789", 12);

    /// <summary>Adds one.</summary>
    /// <exception cref="SealiftException">SL9103: the user has too many.</exception>
    public Task AddAsync(PlanDraft draft, string user, CancellationToken cancel) => database.TransactAsync(
        async s =>
        {
            var old = await s.ExecuteAsync("DELETE FROM server_draft WHERE changed_at < @old", ("old", StoredTime.Of(time.GetUtcNow() - Lifetime)));
            if ((await s.QueryAsync("SELECT count(*) FROM server_draft WHERE user_name = @user", r => r.GetInt64(0), ("user", user)))[0] >= MostOfAUser) throw PageErrors.TooManyDrafts(MostOfAUser);
            return old + await s.ExecuteAsync(
                "INSERT INTO server_draft (id, user_name, generation, changed_at, content) VALUES (@id, @user, @generation, @now, @content)",
                ("id", draft.Id), ("user", user), ("generation", draft.Generation), ("now", StoredTime.Of(time.GetUtcNow())), ("content", draft.ToContent()));
        },
        cancel);

    /// <summary>Those of a user, the last changed first.</summary>
    public Task<IReadOnlyList<PlanDraft>> ListAsync(string user, CancellationToken cancel) => database.QueryAsync(
        "SELECT id, generation, changed_at, content FROM server_draft WHERE user_name = @user ORDER BY changed_at DESC",
        r => PlanDraft.Stored(r.GetString(0), r.GetInt64(1), StoredTime.OfColumn(r, 2)!.Value, r.GetString(3)),
        cancel,
        ("user", user));

    /// <summary>One of a user's.</summary>
    /// <exception cref="SealiftException">SL9101: there is none.</exception>
    public async Task<PlanDraft> GetAsync(string id, string user, CancellationToken cancel) =>
        (await database.QueryAsync(
            "SELECT id, generation, changed_at, content FROM server_draft WHERE id = @id AND user_name = @user",
            r => PlanDraft.Stored(r.GetString(0), r.GetInt64(1), StoredTime.OfColumn(r, 2)!.Value, r.GetString(3)),
            cancel,
            ("id", id),
            ("user", user))) is [var found] ? found : throw PageErrors.NoDraft(id);

    /// <summary>Keeps a change.</summary>
    /// <exception cref="SealiftException">SL9101: it is gone.</exception>
    public async Task SaveAsync(PlanDraft draft, string user, CancellationToken cancel)
    {
        if (await database.ExecuteAsync(
            "UPDATE server_draft SET generation = @generation, changed_at = @now, content = @content WHERE id = @id AND user_name = @user", cancel,
            ("id", draft.Id), ("user", user), ("generation", draft.Generation), ("now", StoredTime.Of(time.GetUtcNow())), ("content", draft.ToContent())) == 0) throw PageErrors.NoDraft(draft.Id);
    }

    /// <summary>Throws one away; it may be gone already.</summary>
    public Task RemoveAsync(string id, string user, CancellationToken cancel) => database.ExecuteAsync("DELETE FROM server_draft WHERE id = @id AND user_name = @user", cancel, ("id", id), ("user", user));
}
