using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>What a copy is written to: a new file, a block device, an NBD export, or a SCSI unit.</summary>
public abstract class CopyTarget
{
    private protected CopyTarget(string name, ImageFormat format, string workPath)
    {
        Name = name;
        Format = format;
        WorkPath = workPath;
    }

    /// <summary>What it is called: a full path, or a URI without secrets.</summary>
    public string Name { get; }

    /// <summary>Raw or qcow2.</summary>
    public ImageFormat Format { get; }

    /// <summary>The directory that an unfinished copy to it lives in: the record, the block map, and for a new file its content.</summary>
    public string WorkPath { get; }

    /// <summary>Finds out what a target is and whether it may be written. Nothing is opened or changed.</summary>
    /// <param name="name">A path or an NBD URI.</param>
    /// <param name="format">Of a new file: raw or qcow2. Devices and exports are raw.</param>
    /// <param name="overwrite">Whether what exists may be overwritten.</param>
    /// <param name="connection">Deadlines and credentials for an NBD export.</param>
    /// <param name="stateDirectory">Where unfinished copies to devices and exports are kept; for a file they lie beside it.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <exception cref="SealiftException">It exists and was not to be overwritten, or is nothing that can be written (SL4253).</exception>
    public static CopyTarget Of(string name, ImageFormat format, bool overwrite, NbdOptions connection, string stateDirectory, string workDirectory)
    {
        if (name.Contains("://", StringComparison.Ordinal))
        {
            var uri = NbdUri.Parse(name);
            if (format != ImageFormat.Raw) throw CopyErrors.TargetRefused(uri.ToString(), "an NBD export holds the bytes of the disk themselves", "Leave out --format");
            if (!overwrite) throw CopyErrors.TargetRefused(uri.ToString(), "whatever the export holds would be overwritten", "Pass --overwrite if that is meant");
            return new NbdTarget(uri, connection, stateDirectory);
        }

        var path = Path.GetFullPath(name);
        var facts = FileFacts.OfPathIfExists(path);
        if (facts is { Kind: FileKind.SymbolicLink } && FileFacts.OfPath(path) is { Kind: FileKind.BlockDevice } device) facts = device; // as device mapper names its volumes
        switch (facts?.Kind)
        {
            case FileKind.BlockDevice:
                if (format != ImageFormat.Raw) throw CopyErrors.TargetRefused(path, "a block device holds the bytes of the disk themselves", "Leave out --format");
                if (!overwrite) throw CopyErrors.TargetRefused(path, "whatever the device holds would be overwritten", "Pass --overwrite if that is meant");
                return new DeviceTarget(path, connection, stateDirectory);
            case null:
                return new FileTarget(path, format, replace: false, workDirectory);
            case FileKind.Regular:
                return new FileTarget(path, format, overwrite, workDirectory);
            default:
                throw CopyErrors.TargetRefused(path, $"a {facts!.Kind} is there", "Name a new file, a block device or an NBD URI");
        }
    }

    /// <summary>A SCSI unit as a target. It is asked who it is; nothing is changed.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="format">Raw.</param>
    /// <param name="overwrite">Whether what it holds may be overwritten.</param>
    /// <param name="stateDirectory">Where unfinished copies to units are kept.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="ScsiException">It is not reached, is no disk, or may not be written (SL32xx).</exception>
    /// <exception cref="SealiftException">It was not to be overwritten, or nobody can tell it from others (SL4253).</exception>
    public static async Task<CopyTarget> ExamineAsync(ScsiPlace place, ImageFormat format, bool overwrite, string stateDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(place);
        if (format != ImageFormat.Raw) throw CopyErrors.TargetRefused(place.Name, "a unit holds the bytes of the disk themselves", "Leave out --format");
        if (!overwrite) throw CopyErrors.TargetRefused(place.Name, "whatever the unit holds would be overwritten", "Pass --overwrite if that is meant");
        using var unit = await ScsiUnit.OpenAsync(place, mayWrite: false, null, cancel);
        if (unit.Facts.Identity.Names.Count == 0) throw CopyErrors.TargetRefused(place.Name, "the unit has neither a name nor a serial number: nobody could tell whether it is still the same one", "Give it an identity, or map another one");
        return new ScsiTarget(new UnitEnd(place, unit.Facts.Identity), stateDirectory);
    }

    /// <summary>Finds out which unit it is, as far as that is not known yet. Nothing is changed.</summary>
    internal virtual Task IdentifyAsync(CancellationToken cancel) => Task.CompletedTask;

    /// <summary>The unit that it is; null where it is none.</summary>
    internal virtual UnitEnd? Unit => null;

    /// <summary>What exists of it under its own name; null for a new file and for an NBD export.</summary>
    internal abstract FileIdentity? Existing { get; }

    /// <summary>Whether what is written to it has its final name at once.</summary>
    internal abstract bool IsInPlace { get; }

    /// <summary>The place of a disk of a length, as storage sees it.</summary>
    internal abstract TransferEnd PlaceOf(CopyWork work, long lengthBytes);

    /// <summary>Opens it for writing, for a disk of a length.</summary>
    internal abstract Task<IDiskWriter> OpenWriteAsync(CopyWork work, long lengthBytes, CancellationToken cancel);

    /// <summary>Opens it for the read-back, past the page cache as far as that is in our hands.</summary>
    internal abstract Task<IUncachedReader> OpenUncachedAsync(CopyWork work, long lengthBytes, CancellationToken cancel);

    /// <summary>The same while it is still written; null where that cannot be: what a qcow2 image holds is known only to the one process that writes it.</summary>
    internal virtual Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(CopyWork work, long lengthBytes, CancellationToken cancel) => Task.FromResult<IUncachedReader?>(null);

    /// <summary>Where unfinished copies to a device or an export are kept: its own name is no place for files.</summary>
    private protected static string WorkPathIn(string stateDirectory, string name) =>
        Path.Combine(stateDirectory, "copies", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)))[..16]);
}

/// <summary>A file that gets its name when everything is proven; until then it is <see cref="CopyWork.DiskPath"/>.</summary>
internal sealed class FileTarget(string path, ImageFormat format, bool replace, string workDirectory) : CopyTarget(path, format, path + CopyWork.Suffix)
{
    /// <summary>Whether a file of the name is replaced at the end.</summary>
    public bool Replace => replace;

    internal override FileIdentity? Existing => FileFacts.OfPathIfExists(Name) is null ? null : FileIdentity.Of(Name);

    internal override bool IsInPlace => false;

    internal override TransferEnd PlaceOf(CopyWork work, long lengthBytes) => new(work.DiskPath, 0, lengthBytes, Format);

    internal override Task<IDiskWriter> OpenWriteAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        DiskImage.OpenWriteAsync(work.DiskPath, Format, workDirectory, cancel);

    internal override Task<IUncachedReader> OpenUncachedAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        DiskImage.OpenUncachedAsync(work.DiskPath, Format, workDirectory, cancel);

    internal override Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        Task.FromResult(DiskImage.OpenUncachedWhileWritten(work.DiskPath, Format));
}

/// <summary>A block device, overwritten in place.</summary>
internal sealed class DeviceTarget(string path, NbdOptions connection, string stateDirectory) : CopyTarget(path, ImageFormat.Raw, WorkPathIn(stateDirectory, path))
{
    private (UnitEnd? Unit, string WhyNot) unit;

    /// <summary>Asks which unit the device is. A test puts devices there that change.</summary>
    internal Func<CancellationToken, Task<(UnitEnd? Unit, string WhyNot)>> Ask { get; init; } = cancel => UnitEnd.OfDeviceAsync(path, connection, cancel);

    internal override UnitEnd? Unit => unit.Unit;

    internal override FileIdentity? Existing => FileIdentity.Of(Name);

    internal override bool IsInPlace => true;

    internal override async Task IdentifyAsync(CancellationToken cancel) => unit = await Ask(cancel);

    internal override TransferEnd PlaceOf(CopyWork work, long lengthBytes) => new(Name, 0, lengthBytes, Format) { Unit = unit.Unit, WhyNoUnit = unit.WhyNot ?? string.Empty };

    internal override async Task<IDiskWriter> OpenWriteAsync(CopyWork work, long lengthBytes, CancellationToken cancel)
    {
        var disk = RawDisk.OpenWrite(Name);
        try
        {
            // While it is held: devices may have been given other names since it was identified.
            if (unit.Unit is { } identified)
            {
                var (now, whyNot) = await Ask(cancel);
                if (now?.Identity.SharesNameWith(identified.Identity) != true) throw DiskErrors.Changed(Name, $"it was {identified.Identity.Name}, and {(now is null ? whyNot : $"is {now.Identity.Name}")} now");
            }
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }

        return await LeadingPart.OfAsync<IDiskWriter>(disk, lengthBytes);
    }

    internal override Task<IUncachedReader> OpenUncachedAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        LeadingPart.OfAsync<IUncachedReader>(UncachedRawDisk.Open(Name), lengthBytes);

    internal override async Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        await LeadingPart.OfAsync<IUncachedReader>(UncachedRawDisk.Open(Name, whileWritten: true), lengthBytes);
}

/// <summary>An NBD export, overwritten in place.</summary>
internal sealed class NbdTarget(NbdUri uri, NbdOptions connection, string stateDirectory) : CopyTarget(uri.ToString(), ImageFormat.Raw, WorkPathIn(stateDirectory, uri.ToString()))
{
    internal override FileIdentity? Existing => null;

    internal override bool IsInPlace => true;

    internal override TransferEnd PlaceOf(CopyWork work, long lengthBytes) => new(null, 0, lengthBytes, Format);

    internal override async Task<IDiskWriter> OpenWriteAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        await LeadingPart.OfAsync<IDiskWriter>(await NbdDisk.ConnectAsync(uri, connection, string.Empty, forWriting: true, cancel), lengthBytes);

    internal override async Task<IUncachedReader> OpenUncachedAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        await LeadingPart.OfAsync(await NbdDisk.ConnectUncachedAsync(uri, connection, null, cancel), lengthBytes);

    internal override async Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(CopyWork work, long lengthBytes, CancellationToken cancel) => await OpenUncachedAsync(work, lengthBytes, cancel);
}

/// <summary>A SCSI unit, overwritten in place.</summary>
internal sealed class ScsiTarget(UnitEnd unit, string stateDirectory) : CopyTarget(unit.Place.Name, ImageFormat.Raw, WorkPathIn(stateDirectory, unit.Place.Name))
{
    internal override UnitEnd Unit => unit;

    internal override FileIdentity? Existing => null;

    internal override bool IsInPlace => true;

    internal override TransferEnd PlaceOf(CopyWork work, long lengthBytes) => new(null, 0, lengthBytes, Format) { Unit = unit };

    internal override async Task<IDiskWriter> OpenWriteAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        await LeadingPart.OfAsync<IDiskWriter>(await ScsiDisk.OpenWriteAsync(unit, cancel), lengthBytes);

    internal override async Task<IUncachedReader> OpenUncachedAsync(CopyWork work, long lengthBytes, CancellationToken cancel) =>
        await LeadingPart.OfAsync<IUncachedReader>(await ScsiDisk.OpenUncachedAsync(unit, cancel), lengthBytes);

    internal override async Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(CopyWork work, long lengthBytes, CancellationToken cancel) => await OpenUncachedAsync(work, lengthBytes, cancel);
}
