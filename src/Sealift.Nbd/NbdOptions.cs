namespace Sealift.Nbd;

/// <summary>How a connection is made and how long a server may take.</summary>
public sealed record NbdOptions
{
    /// <summary>
    /// The metadata contexts asked for, by exact name; the default is <c>base:allocation</c>. The server may know none of them:
    /// see <see cref="NbdClient.MetaContexts"/>. At most 16.
    /// </summary>
    public IReadOnlyList<string> MetaContexts { get; init; } = ["base:allocation"];

    /// <summary>How long connecting, TLS and negotiation may take in all. Default 30 seconds.</summary>
    public TimeSpan ConnectDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the whole answer to a request may take, plus one second for every MiB of payload in flight on the connection (so
    /// that a slow link is not mistaken for a dead server). A server that takes longer loses the connection. Default 60 seconds.
    /// </summary>
    public TimeSpan ReplyDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The same for a flush and for a write with forced unit access, which may have to wait for a whole cache to reach the
    /// disk. Default 10 minutes; never less than <see cref="ReplyDeadline"/>.
    /// </summary>
    public TimeSpan FlushDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Credentials for TLS. Setting it makes TLS required whatever the URI says.</summary>
    public NbdTls? Tls { get; init; }

    /// <summary>
    /// The most connections of a pool, 1 to 64, where the server allows several. Default 4: enough to keep a server with a few threads
    /// busy; more sockets cost more than they bring on one host.
    /// </summary>
    public int Connections { get; init; } = 4;

    /// <summary>The most requests in flight on one connection; 1 to 1024, default 16. More callers wait their turn.</summary>
    public int MaxInFlight { get; init; } = 16;
}
