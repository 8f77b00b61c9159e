using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The block devices of a copy that their unit makes: nobody may use the source meanwhile, and of the target the kernel may remember nothing,
/// for it does not see what the unit writes. Nothing is held of units that are no devices here.
/// </summary>
/// <remarks>That nobody uses the target is seen, for every copy, by whoever has it open for writing.</remarks>
internal sealed class DevicePair : IDisposable
{
    private readonly PosixFile? source;
    private readonly PosixFile? target;

    private DevicePair(PosixFile? source, PosixFile? target) => (this.source, this.target) = (source, target);

    /// <summary>Takes hold of them.</summary>
    /// <param name="from">The source.</param>
    /// <param name="to">The target.</param>
    /// <param name="inUse">Why the source cannot be had, in plain words; null where it can.</param>
    /// <exception cref="PosixException">One cannot be opened, for another reason.</exception>
    public static DevicePair Open(UnitEnd from, UnitEnd to, out string? inUse)
    {
        inUse = null;
        PosixFile? source = null;
        try
        {
            if (from.Device is { } path)
            {
                source = PosixFile.Open(path, OpenMode.Read | OpenMode.Unused);
                source.Sync(); // what somebody has written, and the kernel has not yet, the unit does not have
            }

            return new DevicePair(source, to.Device is { } device ? PosixFile.Open(device, OpenMode.Read) : null);
        }
        catch (PosixException e) when (source is null && e.Errno == Errno.EBUSY)
        {
            inUse = "the source is in use (mounted, or a part of something larger), and its unit does not have what the kernel has not yet written";
            return new DevicePair(null, null);
        }
        catch
        {
            source?.Close();
            throw;
        }
    }

    /// <summary>Has the kernel write what it has of the target, and forget it.</summary>
    public void ForgetTarget()
    {
        target?.Sync();
        target?.DropCache();
    }

    public void Dispose()
    {
        try
        {
            target?.Close();
        }
        finally
        {
            source?.Close();
        }
    }
}
