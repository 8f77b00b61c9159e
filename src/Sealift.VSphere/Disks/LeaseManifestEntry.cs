namespace Sealift.VSphere;

/// <summary>What was read of a lease's file.</summary>
/// <param name="LengthBytes">How many bytes.</param>
/// <param name="Sha1">Their SHA-1, as hexadecimal digits.</param>
public sealed record LeaseContent(long LengthBytes, string Sha1);

/// <summary>What a server says that it sent for a file of a lease (<c>HttpNfcLeaseManifestEntry</c>).</summary>
/// <param name="Key">What the lease calls the file.</param>
/// <param name="LengthBytes">How long the file is.</param>
/// <param name="Sha1">Its SHA-1; null where the server does not say.</param>
/// <param name="CapacityBytes">How long the disk in it is; null where the server does not say.</param>
public sealed record LeaseManifestEntry(string Key, long LengthBytes, string? Sha1, long? CapacityBytes)
{
    internal static LeaseManifestEntry Of(VimElement element) => new(
        element.Require("key").Text,
        element.Require("size").AsNumber(),
        element.TextOf("sha1") is { Length: > 0 } sha1 ? sha1 : null,
        element.NumberOf("capacity") is > 0 and var capacity ? capacity : null);

    /// <summary>Throws where something else arrived.</summary>
    /// <param name="content">What arrived.</param>
    /// <param name="peer">What errors call the server.</param>
    /// <exception cref="VSphereException">SL3334.</exception>
    public void Demand(LeaseContent content, string peer)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (content.LengthBytes != LengthBytes) throw VSphereErrors.OtherThanManifest(peer, Key, $"{content.LengthBytes} bytes arrived of {LengthBytes}");
        if (Sha1 is not null && !Sha1.Equals(content.Sha1, StringComparison.OrdinalIgnoreCase)) throw VSphereErrors.OtherThanManifest(peer, Key, $"its SHA-1 was {Sha1}, and {content.Sha1} arrived");
    }
}
