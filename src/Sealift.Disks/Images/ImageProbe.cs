using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// Looks at an image with our own parsers before any other tool opens it. What is returned is whole: every table and every block
/// that the image refers to lies within its files, so that nothing reads as zeros because it is missing.
/// </summary>
/// <remarks>docs/formats/images.md says what is accepted, what is refused and why.</remarks>
public static class ImageProbe
{
    /// <summary>The longest disk that is read: 64 TiB.</summary>
    public const ulong MaximumDiskBytes = 64UL << 40;

    /// <summary>The longest chain of backing files.</summary>
    public const int MaximumChainLength = 32;

    /// <summary>Detects the format from the content, checks that the image is sound and whole, and describes what opens it.</summary>
    /// <param name="location">The file, or the range of a container.</param>
    /// <param name="options">What is declared and allowed.</param>
    /// <param name="cancel">Cancels the examination.</param>
    /// <exception cref="SealiftException">SL4001 to SL4016: not an image, not whole, not sound, or not to be trusted.</exception>
    /// <exception cref="PosixException">The file cannot be opened or read.</exception>
    /// <exception cref="ChildException"><c>qemu-img</c> is missing, or did not end in time.</exception>
    public static Task<ImageReference> ExamineAsync(ImageLocation location, ImageProbeOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(location);
        ArgumentNullException.ThrowIfNull(options);
        return ExamineAsync(location, options, [], cancel);
    }

    /// <summary>What the content says about the format, and nothing more: enough for tools that take any file as it is.</summary>
    /// <param name="location">The file, or the range of a container.</param>
    /// <returns>The format, or null where it is none that is known: the bytes of a disk themselves, or no disk at all.</returns>
    /// <exception cref="PosixException">The file cannot be opened or read.</exception>
    public static ImageFormat? Detect(ImageLocation location)
    {
        using var bytes = ImageBytes.Open(location);
        return ImageSignature.Detect(bytes);
    }

    private static async Task<ImageReference> ExamineAsync(ImageLocation location, ImageProbeOptions options, List<(ulong Device, ulong Inode)> above, CancellationToken cancel)
    {
        // Parsers block on disk reads and may walk gigabytes of tables: not on the caller's thread.
        var (parsed, format, facts) = await Task.Run(() => Parse(location, options, cancel), cancel);
        ImageReference? backing = null;
        if (parsed.Backing is { } name)
        {
            List<(ulong, ulong)> chain = [.. above, (facts.Device, facts.Inode)];
            var below = FileFacts.OfPath(name.Path);
            if (chain.Contains((below.Device, below.Inode))) throw ImageErrors.BackingChain(location.ToString(), $"the backing file '{name.Path}' leads back to an image above it");
            if (chain.Count >= MaximumChainLength) throw ImageErrors.BackingChain(location.ToString(), $"it is longer than {MaximumChainLength} images");
            backing = await ExamineAsync(new ImageLocation(name.Path), options with { Format = name.Format }, chain, cancel);
            if (name.VmdkContentId is { } expected) VmdkImage.DemandContentId(location, name.Path, expected);
        }

        var image = new ImageReference(location, format, parsed.Subformat, parsed.VirtualLengthBytes, parsed.AllocatedBytes, backing,
            [location.Path, .. parsed.Parts, .. parsed.DataFile is { } file ? [file] : Array.Empty<string>(), .. backing?.Files ?? []])
        {
            DataFile = parsed.DataFile,
            IsBlockDevice = facts.Kind == FileKind.BlockDevice,
            Notes = [.. parsed.Notes, .. backing?.Notes ?? []],
        };
        await QemuOpinion.DemandAsync(image, options.CheckDeadline, cancel);
        return image;
    }

    /// <summary>Our own look alone, before qemu is asked and before backing files are followed.</summary>
    internal static (ParsedImage Parsed, ImageFormat Format, FileFacts Facts) Parse(ImageLocation location, ImageProbeOptions options, CancellationToken cancel)
    {
        using var bytes = ImageBytes.Open(location);
        if (options.Format == ImageFormat.Raw) return (RawImage.Parse(bytes, declared: true), ImageFormat.Raw, bytes.Facts);
        var found = ImageSignature.Detect(bytes);
        if (options.Format is { } declared && declared != found)
            throw ImageErrors.OtherFormat(bytes.Name, QemuNode.Driver(declared), found is { } other ? QemuNode.Driver(other) : RawImage.Describe(bytes) ?? "not in this format");
        var names = new NamedFiles(location, options.AllowBackingDirectory, options.AllowBackingDevice);
        var parsed = found switch
        {
            ImageFormat.Qcow2 => Qcow2Image.Parse(bytes, names, cancel),
            ImageFormat.Vmdk => VmdkImage.Parse(bytes, names, cancel),
            ImageFormat.Vhd => VhdImage.Parse(bytes, cancel),
            ImageFormat.Vhdx => VhdxImage.Parse(bytes, cancel),
            ImageFormat.Vdi => VdiImage.Parse(bytes, cancel),
            _ => RawImage.Parse(bytes, declared: false),
        };
        return (parsed, found ?? ImageFormat.Raw, bytes.Facts);
    }
}
