using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>What a copy is made of: an image that was examined, a block device, an NBD export, or a SCSI unit. Never written to.</summary>
public sealed class CopySource
{
    private readonly ImageReference? image;
    private readonly NbdUri? uri;
    private readonly NbdOptions connection;
    private readonly SourceFiles? files;
    private readonly string workDirectory;
    private string? whyNoUnit;

    private CopySource(string name, ImageReference? image, NbdUri? uri, NbdOptions connection, string workDirectory)
    {
        Name = name;
        this.image = image;
        this.uri = uri;
        this.connection = connection;
        this.workDirectory = workDirectory;
        files = image is null ? null : SourceFiles.Measure([image.Location.Path, .. image.Files]);
    }

    private CopySource(UnitEnd unit)
        : this(unit.Place.Name, null, null, new NbdOptions(), string.Empty) => Unit = unit;

    /// <summary>What it is called: a full path, or a URI without secrets.</summary>
    public string Name { get; }

    /// <summary>What a person should know of the image though it is no error.</summary>
    public IReadOnlyList<string> Notes => image?.Notes ?? [];

    /// <summary>The unit that it is; null where it is none.</summary>
    internal UnitEnd? Unit { get; private set; }

    /// <summary>The files that it consists of, as they were when it was examined; none for an NBD export.</summary>
    internal IReadOnlyList<FileIdentity> Files => files?.Identities ?? [];

    /// <summary>
    /// Whether a change shows in size, identity or time of change. It does for files; a block device and an NBD export tell nothing
    /// of writes to them.
    /// </summary>
    internal bool ShowsChanges => files?.AreAllRegular ?? false;

    /// <summary>Finds out what a source is. An image is examined as the source of a migration is; nothing is opened by a guess.</summary>
    /// <param name="name">A path or an NBD URI.</param>
    /// <param name="options">What is declared and allowed for images.</param>
    /// <param name="connection">Deadlines and credentials for an NBD export.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It is no image, is not sound, or names files that were not allowed (SL4001 to SL4016); no NBD URI (SL3001).</exception>
    public static async Task<CopySource> ExamineAsync(string name, ImageProbeOptions options, NbdOptions connection, string workDirectory, CancellationToken cancel)
    {
        if (name.Contains("://", StringComparison.Ordinal))
        {
            var uri = NbdUri.Parse(name);
            return new CopySource(uri.ToString(), null, uri, connection, workDirectory);
        }

        var path = Path.GetFullPath(name);
        var image = await ImageProbe.ExamineAsync(new ImageLocation(path), options, cancel);
        var source = new CopySource(path, image, null, connection, workDirectory);
        if (image is { IsBlockDevice: true, Format: ImageFormat.Raw }) (source.Unit, source.whyNoUnit) = await UnitEnd.OfDeviceAsync(path, connection, cancel);
        return source;
    }

    /// <summary>A SCSI unit as a source. It is asked who it is, and never sent a command that could change anything.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="ScsiException">It is not reached, or is no disk (SL32xx).</exception>
    public static async Task<CopySource> ExamineAsync(ScsiPlace place, CancellationToken cancel)
    {
        using var unit = await ScsiUnit.OpenAsync(place, mayWrite: false, null, cancel);
        return new CopySource(new UnitEnd(place, unit.Facts.Identity));
    }

    /// <summary>Opens it as it was examined; SL4201 where it changed since.</summary>
    internal async Task<IDiskReader> OpenAsync(CancellationToken cancel)
    {
        VerifyUnchanged();
        if (Unit is { Device: null } unit) return await ScsiDisk.OpenReadAsync(unit, cancel);
        return uri is null ? await DiskImage.OpenReadAsync(image!, workDirectory, cancel) : await DiskImage.OpenNbdAsync(uri, connection, cancel);
    }

    /// <summary>Its place, as storage sees it.</summary>
    internal TransferEnd PlaceOf(long lengthBytes)
    {
        var end = (image is null ? new TransferEnd(null, 0, lengthBytes, ImageFormat.Raw) : TransferEnd.Of(image, lengthBytes)) with { Unit = Unit };
        return string.IsNullOrEmpty(whyNoUnit) ? end : end with { WhyNoUnit = whyNoUnit };
    }

    /// <summary>Measures its files again; SL4201 where one is not what it was when the source was examined.</summary>
    internal void VerifyUnchanged() => files?.VerifyUnchanged(Name);
}
