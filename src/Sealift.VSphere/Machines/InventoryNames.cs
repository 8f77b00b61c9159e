namespace Sealift.VSphere;

/// <summary>What the objects that are no machines are called, and which one each of them is in.</summary>
public sealed class InventoryNames
{
    // A server has a limit of its own for how deep folders are nested; a circle has none.
    private const int DepthLimit = 100;

    private readonly Dictionary<ManagedReference, (string Name, ManagedReference? Parent)> objects = [];
    private readonly Dictionary<string, ManagedReference> portgroups = [];

    internal static IReadOnlyList<string> Types { get; } = ["Folder", "Datacenter", "ComputeResource", "ResourcePool", "HostSystem", "Network", "DistributedVirtualPortgroup", "Datastore"];

    /// <summary>The name of an object; null for one that is not known.</summary>
    /// <param name="target">The object.</param>
    public string? NameOf(ManagedReference target) => objects.TryGetValue(target, out var known) ? known.Name : null;

    /// <summary>The port group of a distributed switch that has this key; null for none.</summary>
    /// <param name="key">The key, as a network card has it.</param>
    public ManagedReference? PortgroupOf(string key) => portgroups.TryGetValue(key, out var known) ? known : null;

    /// <summary>The names on the way to an object's parent: data center, <c>vm</c>, folders. The root folder, which has no name that anybody uses, is left out.</summary>
    /// <param name="parent">What it is in.</param>
    /// <returns>From the top; slashes within names are written as %2f by the server.</returns>
    public IReadOnlyList<string> PathTo(ManagedReference? parent)
    {
        var path = new List<string>();
        for (var here = parent; here is { } at && objects.TryGetValue(at, out var known) && path.Count < DepthLimit; here = known.Parent)
        {
            if (known.Parent is not null) path.Add(known.Name);
        }

        path.Reverse();
        return path;
    }

    /// <summary>The name of the network that a card is on; null where it is on none, or it is not known.</summary>
    /// <param name="card">The card.</param>
    public string? NetworkOf(NetworkCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        var network = card.Network ?? (card.PortgroupKey is { } key ? PortgroupOf(key) : null);
        return (network is { } known ? NameOf(known) : null) ?? card.NetworkName;
    }

    internal bool Add(ObjectProperties one)
    {
        objects[one.Reference] = (one["name"]?.Text ?? string.Empty, one["parent"]?.AsReference());
        if (one["key"] is { Text.Length: > 0 } key) portgroups[key.Text] = one.Reference;
        return true;
    }
}
