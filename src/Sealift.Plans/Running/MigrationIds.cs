using Sealift.Migrations;

namespace Sealift.Plans.Running;

/// <summary>Ids for the migrations that schedulers of this process begin, many of them in one second.</summary>
/// <param name="time">The clock.</param>
internal sealed class MigrationIds(TimeProvider time)
{
    /// <summary>
    /// Letters of an id. No more: QEMU takes names of nodes of at most 31 characters (qemu-qmp-ref(7), blockdev-add: node-name), and those are
    /// made of <c>sealift-</c>, an id and <c>-d64</c>.
    /// </summary>
    public const int Letters = 5;

    private readonly Lock gate = new();
    private readonly HashSet<string> given = new(StringComparer.Ordinal);
    private long second;

    /// <summary>
    /// The next one. It is given only once: with so few letters, five hundred of one second would meet now and then. Another process may
    /// give it in the same second: the journal, which takes each only once, decides whose it is, and the other machine gets the next one
    /// (<see cref="Scheduling.TakenIdSign"/>). It is not asked here: it may be busy, and whoever decides must not wait for it.
    /// </summary>
    public string Next()
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            if (second != now.ToUnixTimeSeconds()) given.Clear();
            second = now.ToUnixTimeSeconds();
            while (true)
            {
                var id = MigrationStore.NewId(now, Letters);
                if (given.Add(id)) return id;
            }
        }
    }
}
