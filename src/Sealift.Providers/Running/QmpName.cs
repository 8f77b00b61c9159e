using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A running QEMU as the name of a source: <c>qmp:/run/vm/web01.qmp</c>, or <c>qmp:/run/vm/web01.qmp?agent=/run/vm/web01.ga</c> where its
/// guest's agent is to be talked to.
/// </summary>
/// <param name="SocketPath">QEMU's QMP socket.</param>
/// <param name="AgentPath">The socket of the channel <c>org.qemu.guest_agent.0</c>; null where there is none to talk to.</param>
internal sealed record QmpName(string SocketPath, string? AgentPath)
{
    private const string Prefix = "qmp:", AgentParameter = "?agent=";

    /// <summary>Whether a source is meant as one.</summary>
    public static bool Is(string source) => source.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Reads one.</summary>
    /// <exception cref="SealiftException">SL6408: a path in it cannot be one.</exception>
    public static QmpName Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var rest = source[Prefix.Length..];
        var at = rest.LastIndexOf(AgentParameter, StringComparison.Ordinal);
        var name = at < 0 ? new QmpName(rest, null) : new QmpName(rest[..at], rest[(at + AgentParameter.Length)..]);
        if (name.SocketPath.Length == 0) throw ProviderErrors.BadQmpName(source, "it names no socket");
        if (name.AgentPath is { Length: 0 }) throw ProviderErrors.BadQmpName(source, "it names no socket of an agent");
        // It becomes part of an address of socat's, which has a syntax of its own.
        if (name.AgentPath?.IndexOfAny([',', ':', '!', '\\', '"', '\'', '(', '[', '{', '\n']) >= 0) throw ProviderErrors.BadQmpName(source, "the path of the agent's socket has one of the characters , : ! \\ \" ' ( [ {");
        return name;
    }

    /// <summary>With absolute paths.</summary>
    public QmpName Full => new(Path.GetFullPath(SocketPath), AgentPath is null ? null : Path.GetFullPath(AgentPath));

    /// <summary>Whether it means the same wherever it is read.</summary>
    public bool IsAbsolute => Path.IsPathRooted(SocketPath) && (AgentPath is null || Path.IsPathRooted(AgentPath));

    /// <inheritdoc/>
    public override string ToString() => Prefix + SocketPath + (AgentPath is null ? string.Empty : AgentParameter + AgentPath);
}
