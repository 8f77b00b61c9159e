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
    /// The next one. It is given only once: with so few letters, five hundred of one second would meet now and then. That another process has given
    /// it in the same second is for <see cref="LocalRunner"/> to find out: the journal may be busy, and whoever decides must not wait for it.
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
