using Sealift.Server.Database;

namespace Sealift.Server.Auditing;

/// <summary>Who did what.</summary>
/// <param name="Number">Ever more.</param>
/// <param name="At">When, in UTC.</param>
/// <param name="Actor">Who; empty where nobody was logged in.</param>
/// <param name="Via">By what: <c>session</c>, <c>token NAME</c>, <c>login</c>, <c>command</c>.</param>
/// <param name="Address">Where from.</param>
/// <param name="Action">What, such as <c>run.cutover</c>.</param>
/// <param name="Subject">On what, such as <c>Plan/weekend</c>.</param>
/// <param name="Outcome"><c>done</c>, <c>denied</c>, or the code of an error.</param>
public sealed record AuditEntry(long Number, DateTimeOffset At, string Actor, string Via, string Address, string Action, string Subject, string Outcome);

/// <summary>The audit log: entries are added, and neither changed nor removed; the database refuses both. What users write into it is cut short and never a secret.</summary>
internal sealed class AuditLog(ServerDatabase database, TimeProvider time)
{
    private const int LongestField = 300;

    /// <summary>Adds an entry, durable when it returns.</summary>
    public Task AddAsync(string actor, string via, string address, string action, string what, string outcome, CancellationToken cancel) => database.ExecuteAsync(
        "INSERT INTO server_audit (at, actor, via, address, action, subject, outcome) VALUES (@at, @actor, @via, @address, @action, @subject, @outcome)",
        cancel,
        ("at", StoredTime.Of(time.GetUtcNow())), ("actor", Cut(actor)), ("via", Cut(via)), ("address", Cut(address)), ("action", Cut(action)), ("subject", Cut(what)), ("outcome", Cut(outcome)));

    /// <summary>Entries, newest first.</summary>
    /// <param name="before">Only those with a lower number; null for the newest.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<IReadOnlyList<AuditEntry>> ListAsync(long? before, int limit, CancellationToken cancel) => database.QueryAsync(
        "SELECT number, at, actor, via, address, action, subject, outcome FROM server_audit WHERE number < @before ORDER BY number DESC LIMIT @limit",
        r => new AuditEntry(r.GetInt64(0), StoredTime.OfColumn(r, 1)!.Value, r.GetString(2), r.GetString(3), r.GetString(4), r.GetString(5), r.GetString(6), r.GetString(7)),
        cancel,
        ("before", before ?? long.MaxValue),
        ("limit", limit));

    // Neither database takes half a character, PostgreSQL no NUL; and a line break in a name must not look like another entry where the log is printed.
    private static string Cut(string text)
    {
        var clean = string.Concat(text.EnumerateRunes().Select(r => System.Text.Rune.IsControl(r) ? "\uFFFD" : r.ToString()));
        return clean.Length <= LongestField ? clean : string.Concat(clean.AsSpan(0, char.IsHighSurrogate(clean[LongestField - 2]) ? LongestField - 2 : LongestField - 1), "…");
    }
}
