using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>An NBD export that a disk of a machine goes to, overwritten in place. Its name and its length are all that tells it from others.</summary>
/// <param name="Uri">Where it is, in canonical form and without secrets.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
public sealed record TargetExport(string Uri, long LengthBytes)
{
    /// <summary>Asks the server. Nothing is changed.</summary>
    /// <exception cref="NbdException">It cannot be reached, or refuses (SL30xx).</exception>
    public static async Task<TargetExport> OfAsync(NbdUri uri, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uri);
        await using var client = await NbdClient.ConnectAsync(uri, new NbdOptions(), cancel);
        var found = new TargetExport(uri.ToString(), client.LengthBytes);
        await client.DisconnectAsync(cancel);
        return found;
    }

    /// <summary>What happened to the export since an earlier look; null where nothing did that can be seen. Neither writes to it nor another one in its place can, where that has its length.</summary>
    public string? ChangeSince(TargetExport before)
    {
        ArgumentNullException.ThrowIfNull(before);
        return LengthBytes == before.LengthBytes ? null : $"it had {before.LengthBytes} bytes and has {LengthBytes} now";
    }

    /// <summary>Demands that it can take a disk, in as many connections as its copy will have. Nothing is written.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="lengthBytes">The length of the disk in bytes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">It is shorter (SL4206), read-only or without a flush (SL4224), or a part of something larger (SL4259).</exception>
    /// <exception cref="NbdException">The server does not take so many clients (SL30xx).</exception>
    public static async Task DemandFreeAsync(NbdUri uri, long lengthBytes, CancellationToken cancel)
    {
        var disk = CopiedDisk.OnExport(uri);
        await using var writer = await disk.OpenWriteAsync(lengthBytes, string.Empty, cancel);
        // While the writer has its connections: a copy is read back beside it.
        await StorageMembership.DemandNoneAsync(async c => await disk.OpenUncachedWhileWrittenAsync(lengthBytes, c) ?? throw new InvalidOperationException("an export can be read while it is written"), cancel);
    }
}
