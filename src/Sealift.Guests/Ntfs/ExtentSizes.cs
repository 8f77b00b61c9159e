namespace Sealift.Guests.Ntfs;

/// <summary>What a non-resident attribute says of its sizes, against the clusters that it has.</summary>
internal static class ExtentSizes
{
    /// <summary>Compares them.</summary>
    /// <param name="attribute">The attribute, or its first extent.</param>
    /// <param name="total">All its clusters, holes included.</param>
    /// <param name="placed">Its clusters without the holes.</param>
    /// <param name="clusterBytes">Bytes of a cluster.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Wrong(AttributeRecord attribute, long total, long placed, int clusterBytes)
    {
        if (attribute.AllocatedBytes != total * clusterBytes) return $"says that {attribute.AllocatedBytes} bytes are allocated, and has {total} clusters";
        if (attribute.DataBytes < 0 || attribute.DataBytes > attribute.AllocatedBytes) return $"has {attribute.DataBytes} bytes in {attribute.AllocatedBytes} that are allocated";
        // Whole units of compression are written.
        if (attribute.InitializedBytes < 0 || attribute.InitializedBytes > (attribute.IsCompressed ? attribute.AllocatedBytes : attribute.DataBytes)) return $"has {attribute.InitializedBytes} bytes written of {attribute.DataBytes}";
        // ntfs-3g leaves 0 where it makes a compressed file longer that lay in its record before.
        if (attribute.HasTotalAllocated && attribute.TotalAllocatedBytes != placed * clusterBytes && attribute.TotalAllocatedBytes != 0) return $"says that {attribute.TotalAllocatedBytes} bytes have a place, and {placed} clusters have";
        return attribute.CompressionUnit > 16 ? $"has a compression unit of 2^{attribute.CompressionUnit} clusters" : null;
    }
}
