using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A datastore.</summary>
/// <param name="Reference">The datastore.</param>
/// <param name="Name">Its name, as files on it have it: <c>[NAME] folder/file</c>.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Kind">As the server calls it: <c>VMFS</c>, <c>NFS</c>, <c>vsan</c>, <c>OTHER</c>.</param>
/// <param name="CapacityBytes">How large it is, in bytes; null where the server does not say.</param>
/// <param name="FreeBytes">How much of it is free, in bytes, by the server's last look; null where it does not say.</param>
/// <param name="IsAccessible">Whether some host reaches it; null where the server does not say.</param>
/// <param name="MaintenanceMode"><c>normal</c>; all else means that it is being emptied, or has been.</param>
public sealed record VSphereDatastore(ManagedReference Reference, string Name, string Path, string Kind, long? CapacityBytes, long? FreeBytes, bool? IsAccessible, string MaintenanceMode)
{
    internal static string[] Properties { get; } = ["name", "parent", "summary"];

    internal static VSphereDatastore Of(ObjectProperties one, InventoryNames names)
    {
        var (name, summary) = (one["name"]?.Text ?? string.Empty, one["summary"]);
        return new VSphereDatastore(
            one.Reference, ObjectName.Plain(name), VSphereInventory.PathOf(names, name, one["parent"]?.AsReference()), summary?.TextOf("type") ?? string.Empty,
            summary?.NumberOf("capacity"), summary?.NumberOf("freeSpace"), summary?.FlagOf("accessible"), summary?.TextOf("maintenanceMode") ?? string.Empty);
    }
}
