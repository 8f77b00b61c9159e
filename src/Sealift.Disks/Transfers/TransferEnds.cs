using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>The two places between which a disk is copied, as storage sees them.</summary>
/// <param name="Source">Where it is.</param>
/// <param name="Target">Where it goes.</param>
/// <param name="BlockBytes">The blocks of the map: ranges begin and end with them.</param>
/// <param name="IsSlowed">Whether a limit of the bandwidth was asked for.</param>
public sealed record TransferEnds(TransferEnd Source, TransferEnd Target, int BlockBytes, bool IsSlowed)
{
    /// <summary>The ESXi host that may copy between them; null where none was named.</summary>
    public EsxiHost? Esxi { get; init; }

    /// <summary>Why the two are not the bytes of a disk in two regular files; null where they are.</summary>
    internal string? WhyNotTwoFiles => Source.WhyNotAFile("the source") ?? Target.WhyNotAFile("the target");
}

/// <summary>One place of a disk.</summary>
/// <param name="Path">The file or the device that holds it; null for an NBD export.</param>
/// <param name="Offset">Where in that file the disk begins, in bytes.</param>
/// <param name="LengthBytes">The length of the disk in bytes.</param>
/// <param name="Format">Only in a raw one the bytes lie as the disk has them.</param>
public sealed record TransferEnd(string? Path, long Offset, long LengthBytes, ImageFormat Format)
{
    /// <summary>What the format calls its kind; empty where there is none.</summary>
    public string Subformat { get; init; } = string.Empty;

    /// <summary>All files that it consists of beside <see cref="Path"/>, those of images below it among them.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Why storage cannot be asked for it though it may have a path, in words that follow "the source"; null where it can.</summary>
    public string? Elsewhere { get; init; }

    /// <summary>The SCSI unit that it is; null where it is none.</summary>
    public UnitEnd? Unit { get; init; }

    /// <summary>Why it is no SCSI unit, in words that follow "the source".</summary>
    public string WhyNoUnit { get; init; } = "is no SCSI unit over iSCSI";

    /// <summary>What errors call it.</summary>
    internal string? Name => Path ?? Unit?.Place.Name;

    /// <summary>An image that was examined.</summary>
    /// <param name="image">The image.</param>
    /// <param name="lengthBytes">The length of its disk.</param>
    public static TransferEnd Of(ImageReference image, long lengthBytes) =>
        new(image.Location.Path, image.Location.Offset, lengthBytes, image.Format) { Subformat = image.Subformat, Files = image.Files };

    internal string? WhyNotAFile(string which)
    {
        if (Elsewhere is not null) return $"{which} {Elsewhere}";
        if (Path is null) return Unit is null ? $"{which} is an NBD export" : $"{which} is a SCSI unit";
        if (Format != ImageFormat.Raw) return $"{which} is {Format.ToString().ToLowerInvariant()}: its file does not hold the bytes as the disk has them";
        return FileFacts.OfPath(Path).Kind switch
        {
            FileKind.Regular => null,
            FileKind.BlockDevice => $"{which} is a block device",
            var other => $"{which} is no file ({other})",
        };
    }
}

/// <summary>A SCSI unit as an end of a transfer.</summary>
/// <param name="Place">Where it is.</param>
/// <param name="Identity">Who it is: whoever opens it looks that it still is.</param>
public sealed record UnitEnd(ScsiPlace Place, UnitIdentity Identity)
{
    /// <summary>The path of the block device that it is here: the kernel reads and writes it, and only what storage copies by itself is a command of ours. Null where all are.</summary>
    public string? Device { get; init; }

    /// <summary>
    /// Whether two are one unit, or two that nobody can tell apart. Of two devices of this host only names that are unique in the world say
    /// so: there are makers who give one serial number to all that they make.
    /// </summary>
    internal bool MayBe(UnitEnd other) => Identity.SharesNameWith(other.Identity) && (Device is null || other.Device is null || Identity.ForCopies is not null);

    /// <summary>The unit that a block device is, as far as it is one.</summary>
    /// <param name="path">The device.</param>
    /// <param name="connection">The deadlines that hold for all storage.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <returns>Null where it is none; then why, in words that follow "the source".</returns>
    internal static async Task<(UnitEnd? Unit, string WhyNot)> OfDeviceAsync(string path, NbdOptions connection, CancellationToken cancel)
    {
        var options = new IscsiOptions { ReplyDeadline = connection.ReplyDeadline, LongDeadline = connection.FlushDeadline };
        if (ScsiPlace.OfDevice(path, options, out var whyNot) is not { } place) return (null, whyNot);
        try
        {
            using var unit = await ScsiUnit.OpenAsync(place, mayWrite: false, null, cancel);
            var lengthBytes = FileIdentity.Of(path).LengthBytes;
            if (unit.Facts.Capacity.LengthBytes != lengthBytes) return (null, $"has {lengthBytes} bytes, and its unit {unit.Facts.Capacity.LengthBytes}");
            if (unit.Facts.Identity.Names.Count == 0) return (null, "has neither a name nor a serial number");
            return (new UnitEnd(place, unit.Facts.Identity) { Device = path }, string.Empty);
        }
        catch (ScsiException e)
        {
            return (null, $"cannot be asked who it is: {e.Said}"); // it is a block device all the same, and copied as one
        }
    }
}
