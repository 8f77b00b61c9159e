using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>
/// A layer above a disk that takes whatever is written and is thrown away. libguestfs makes such layers itself (<c>readonly:true</c>),
/// but then has QEMU guess the format of what is in them: a disk that begins like an encrypted or a qcow2 image would be opened as one.
/// </summary>
internal static class ThrowawayLayer
{
    /// <summary>Makes a layer above a disk, with both formats said.</summary>
    /// <param name="drive">The disk; it is opened for reading only.</param>
    /// <param name="path">The file that will be the layer.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL5001: the disk cannot be shown; SL1xxx: qemu-img failed.</exception>
    public static async Task MakeAsync(GuestDrive drive, string path, CancellationToken cancel)
    {
        var below = drive switch
        {
            // The URI of nbd(1)'s specification: what stands in a query is percent-encoded.
            { NbdSocket: { } socket, ImagePath: null } => $"nbd+unix:///?socket={Uri.EscapeDataString(Path.GetFullPath(socket))}",
            { NbdSocket: null, ImagePath: { } image } => Path.GetFullPath(image),
            _ => throw GuestsErrors.DriveNotUsable(drive.Key, "it must have either an NBD socket or an image"),
        };
        var format = drive.NbdSocket is not null ? "raw" : drive.Format switch
        {
            ImageFormat.Raw => "raw",
            ImageFormat.Qcow2 => "qcow2",
            _ => throw GuestsErrors.DriveNotUsable(drive.Key, $"format {drive.Format} is shown through an NBD socket, not as a file"),
        };
        // Anything but exit code 0 is thrown, and -q leaves it nothing else to say.
        _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", format, "--", path) { Deadline = TimeSpan.FromMinutes(1) }, cancel);
    }
}
