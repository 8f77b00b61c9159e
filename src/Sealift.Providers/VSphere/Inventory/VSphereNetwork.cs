using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A network that machines can be on.</summary>
/// <param name="Reference">The network.</param>
/// <param name="Name">Its name.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Kind"><c>network</c> of hosts, <c>distributed</c> port group, or <c>opaque</c>: another product's (NSX).</param>
/// <param name="IsAccessible">Whether some host has it; null where the server does not say.</param>
public sealed record VSphereNetwork(ManagedReference Reference, string Name, string Path, string Kind, bool? IsAccessible)
{
    internal static string[] Properties { get; } = ["name", "parent", "summary"];

    internal static VSphereNetwork Of(ObjectProperties one, InventoryNames names)
    {
        var name = one["name"]?.Text ?? string.Empty;
        var kind = one.Reference.Type switch { "DistributedVirtualPortgroup" => "distributed", "OpaqueNetwork" => "opaque", _ => "network" };
        return new VSphereNetwork(one.Reference, ObjectName.Plain(name), VSphereInventory.PathOf(names, name, one["parent"]?.AsReference()), kind, one["summary"]?.FlagOf("accessible"));
    }
}
