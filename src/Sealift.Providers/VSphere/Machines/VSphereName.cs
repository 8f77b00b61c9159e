using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>A machine of vSphere as the name of a source: <c>vsphere://SERVER/MACHINE</c>.</summary>
/// <param name="Source">The whole of it, as it was given.</param>
/// <param name="Server">What its user calls the vCenter or ESXi host.</param>
/// <param name="Place">Which machine there: its inventory path, its UUID, its reference or its name, as they are; nothing is escaped.</param>
/// <param name="InstanceUuid">The UUID that its server keeps unique: with it, the machine is the same wherever it is moved and whatever it is called. Null where it is looked for by its place.</param>
internal sealed record VSphereName(string Source, string Server, string Place, Guid? InstanceUuid = null)
{
    private const string Scheme = "vsphere://", Binding = "?instance=";

    /// <summary>Whether a source is meant as one.</summary>
    public static bool Is(string source) => source.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>Reads one.</summary>
    /// <exception cref="SealiftException">SL6541.</exception>
    public static VSphereName Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var slash = source.IndexOf('/', Scheme.Length);
        if (slash <= Scheme.Length || slash + 1 >= source.Length) throw ProviderErrors.BadVSphereName(source, "a server, a slash and a machine must follow vsphere://");
        if (source.Any(char.IsControl)) throw ProviderErrors.BadVSphereName(source, "it has control characters");
        var server = source[Scheme.Length..slash];
        // An address would lead to a password in the name sooner or later.
        if (server.Any(c => c is '@' or ':')) throw ProviderErrors.BadVSphereName($"{Scheme}…{source[slash..]}", "a server is called by the name that it was added under, not by its address");
        var place = source[(slash + 1)..];
        var bound = place.LastIndexOf(Binding, StringComparison.Ordinal);
        return bound > 0 && Guid.TryParseExact(place[(bound + Binding.Length)..], "D", out var uuid)
            ? new VSphereName(source, server, place[..bound].Trim('/'), uuid)
            : new VSphereName(source, server, place.Trim('/'));
    }

    /// <summary>The same machine, by its own UUID.</summary>
    public VSphereName BoundTo(Guid instanceUuid) => new($"{Scheme}{Server}/{Place}{Binding}{instanceUuid:D}", Server, Place, instanceUuid);
}
