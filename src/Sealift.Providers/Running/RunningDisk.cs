using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>A disk of a machine that runs, as its hypervisor has it now.</summary>
/// <param name="Identity">What names it for as long as the machine is the same: QEMU's path of the device, such as <c>/machine/peripheral/vd0/virtio-backend</c>, or libvirt's target, such as <c>vda</c>. Never its place in a list.</param>
/// <param name="Node">The block node that the device reads and writes.</param>
/// <param name="File">The file or device below it, as the hypervisor calls it.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="AllocatedBytes">Bytes that it takes on the source's storage; for estimates.</param>
/// <param name="Bitmaps">The dirty bitmaps on its node.</param>
public sealed record RunningDisk(string Identity, string Node, string File, long LengthBytes, long AllocatedBytes, IReadOnlyList<DirtyBitmap> Bitmaps)
{
    /// <summary>The record of a tracker that knows instants by marks (<see cref="TrackerMark.Record"/>); null where it keeps bitmaps, or nothing.</summary>
    public string? Record { get; init; }

    /// <summary>Why what changes on it cannot be recorded; null where it can.</summary>
    public string? Untracked { get; init; }

    /// <summary>Its place as storage of this host sees it that could copy it by itself. Somebody writes there.</summary>
    public TransferEnd Place { get; init; } = OfAnotherHost(LengthBytes);

    /// <summary>The place of a file or device of this host, as a hypervisor calls it and its format.</summary>
    internal static TransferEnd PlaceOf(string file, string format, long lengthBytes)
    {
        var why = format != "raw" ? $"is {format}: its file does not hold the bytes as the disk has them"
            : !Path.IsPathRooted(file) || FileFacts.OfPathIfExists(file) is null ? "lies in no file of this host"
            : null;
        return new TransferEnd(file, 0, lengthBytes, ImageFormat.Raw) { Elsewhere = why };
    }

    /// <summary>The place of a disk that another host has.</summary>
    internal static TransferEnd OfAnotherHost(long lengthBytes) => new(null, 0, lengthBytes, ImageFormat.Raw) { Elsewhere = "lies on another host" };
}

/// <summary>A dirty bitmap on a block node (QEMU's BlockDirtyInfo).</summary>
/// <param name="Name">Its name; empty for QEMU's own.</param>
/// <param name="DirtyBytes">Bytes that it calls dirty.</param>
/// <param name="IsRecording">Whether writes are still recorded in it.</param>
/// <param name="IsInconsistent">Whether it was not closed properly, and says nothing any more.</param>
public sealed record DirtyBitmap(string Name, long DirtyBytes, bool IsRecording, bool IsInconsistent);

/// <summary>What is to be shown of one disk at a point in time.</summary>
/// <param name="Key">The disk's key in the migration.</param>
/// <param name="Node">Its block node.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Since">The bitmaps whose changes are to be shown, all of ours.</param>
public sealed record FrozenDisk(string Key, string Node, long LengthBytes, IReadOnlyList<string> Since);

/// <summary>What a change tracker that needs no bitmaps calls an instant of a disk.</summary>
/// <param name="Record">The record that it belongs to: with a new one, the tracker has begun anew and knows nothing of before.</param>
/// <param name="Id">The instant, as the tracker is asked for what changed since.</param>
public sealed record TrackerMark(string Record, string Id);
