using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Cli.Commands;

/// <summary>A disk as commands take it that only look: an image, any other file as it is, a block device, an NBD URI.</summary>
internal static class DiskArgument
{
    /// <summary>Whether an argument is a URI rather than a path.</summary>
    public static bool IsUri(string name) => name.Contains("://", StringComparison.Ordinal);

    /// <summary>Opens it for reading.</summary>
    public static async Task<IDiskReader> OpenAsync(string name, ImageFormat? format, string? backing, NbdOptions connection, string workDirectory, CancellationToken cancel) => IsUri(name)
        ? await DiskImage.OpenNbdAsync(NbdUri.Parse(name), connection, cancel)
        : await DiskImage.OpenReadAsync(await ImageAsync(new ImageLocation(Path.GetFullPath(name)), format, backing, cancel), workDirectory, cancel);

    /// <summary>Whether two arguments lead to the same file, device or export, as far as their names tell.</summary>
    public static bool AreSame(string a, string b)
    {
        if (IsUri(a) || IsUri(b)) return IsUri(a) && IsUri(b) && NbdUri.Parse(a).ToString() == NbdUri.Parse(b).ToString();
        var (first, second) = (FileFacts.OfPath(a), FileFacts.OfPath(b));
        return first.Kind == FileKind.BlockDevice && second.Kind == FileKind.BlockDevice
            ? first.NodeDevice == second.NodeDevice
            : first.Device == second.Device && first.Inode == second.Inode;
    }

    /// <summary>An image is examined like a source of a migration; any other file is taken as it is, as <c>blksum</c> does.</summary>
    private static async Task<ImageReference> ImageAsync(ImageLocation location, ImageFormat? format, string? backing, CancellationToken cancel)
    {
        if ((format ?? ImageProbe.Detect(location) ?? ImageFormat.Raw) != ImageFormat.Raw)
            return await ImageProbe.ExamineAsync(location, new ImageProbeOptions { AllowBackingDirectory = backing is null ? null : Path.GetFullPath(backing), Format = format }, cancel);
        using var file = PosixFile.Open(location.Path, OpenMode.Read);
        var facts = file.Facts();
        return new ImageReference(location, ImageFormat.Raw, string.Empty, facts.LengthBytes, facts.AllocatedBytes, null, [location.Path]) { IsBlockDevice = facts.Kind == FileKind.BlockDevice };
    }
}
