using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A vCenter or an ESXi host that machines come from, and what it takes to read their disks.</summary>
/// <param name="Name">What its user calls it: the first part of <c>vsphere://NAME/MACHINE</c>.</param>
/// <param name="Options">Where it is, who asks, and how it is recognised.</param>
public sealed record VSphereAccess(string Name, VSphereOptions Options)
{
    /// <summary>VMware's library for reading disks; null where its user has none.</summary>
    public VddkOptions? Vddk { get; init; }
}

/// <summary>How VMware's Virtual Disk Development Kit is used, by way of nbdkit's vddk plugin (nbdkit-vddk-plugin(1)). The library is VMware's and its user's own.</summary>
public sealed record VddkOptions
{
    /// <summary>An absolute path: where the library was unpacked (<c>vmware-vix-disklib-distrib</c>); null where the system finds it by itself.</summary>
    public string? LibraryDirectory { get; init; }

    /// <summary>The transports that the library may use, in order: <c>file:nbdssl:nbd</c>; null for the library's own choice.</summary>
    public string? Transports { get; init; }

    /// <summary>How the library compresses what it transfers: <c>none</c>, <c>zlib</c>, <c>fastlz</c> or <c>skipz</c>; null for the library's own choice.</summary>
    public string? Compression { get; init; }
}
