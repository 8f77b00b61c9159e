using System.Runtime.CompilerServices;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// A raw image, a range of a container, or a block device, read and written by system calls of our own. A call blocks its thread
/// until the kernel has answered; parallel work comes from parallel callers.
/// </summary>
internal class RawDisk : IDiskWriter
{
    // Large enough that the call does not count, small enough to stay in the cache.
    private static readonly ReadOnlyMemory<byte> Zeros = new byte[1 << 20];

    // Smaller pieces are left to the next flush: to send each of them costs more than it is worth.
    private const int SentAtOnceBytes = 256 << 10;

    private readonly SourceFiles files;
    private readonly long start;
    private readonly WriteBehind behind;
    private readonly Lock asking = new();
    private Task<AllocationMap>? allocation;

    protected RawDisk(PosixFile file, string name, long start, long lengthBytes, SourceFiles files)
    {
        File = file;
        behind = new WriteBehind(file);
        Name = name;
        this.start = start;
        LengthBytes = lengthBytes;
        this.files = files;
    }

    public string Name { get; }

    public long LengthBytes { get; }

    public string? MapDoubt => allocation is { IsCompletedSuccessfully: true } known ? known.Result.Doubt : null;

    protected PosixFile File { get; }

    /// <summary>Opens the raw image that a reference describes, for reading.</summary>
    public static RawDisk OpenRead(ImageReference image)
    {
        // Measured before it is opened: a replacement between the two calls is seen as one later.
        var files = SourceFiles.Measure([image.Location.Path, .. image.Files]);
        var file = PosixFile.Open(image.Location.Path, OpenMode.Read);
        try
        {
            var available = CheckedLength(file) - image.Location.Offset;
            var length = image.Location.LengthBytes ?? available;
            if (length > available) throw DiskErrors.Changed(image.Location.ToString(), $"the image was {length} bytes long when it was examined, and {available} are left now");
            return new RawDisk(file, image.Location.ToString(), image.Location.Offset, length, files);
        }
        catch
        {
            file.Close();
            throw;
        }
    }

    /// <summary>Opens a raw file for writing, or a block device that nothing else uses.</summary>
    /// <exception cref="SealiftException">It cannot be opened, or the kernel knows of a use of the device (SL1001); it is no disk (SL4205); another process has the device open for writing (SL4208).</exception>
    public static RawDisk OpenWrite(string path)
    {
        // For a device the kernel then looks that it is not mounted, not swap, and no part of something larger; open(2), O_EXCL.
        var unused = FileFacts.OfPath(path).Kind == FileKind.BlockDevice ? OpenMode.Unused : OpenMode.Read;
        var file = PosixFile.Open(path, OpenMode.ReadWrite | unused);
        try
        {
            // A machine of QEMU's has its devices open without a claim that the kernel would see, and marks them by record locks.
            if (unused == OpenMode.Unused && file.HasForeignRecordLock()) throw DiskErrors.InUse(path);
            // libvirt gives each of its machines a node of its own, whose locks are not on this one; and other programs lock nothing.
            if (unused == OpenMode.Unused && DeviceUsers.Find(file.Facts().NodeDevice) is { } user) throw DiskErrors.InUse(path, user);
            return new RawDisk(file, path, 0, CheckedLength(file), SourceFiles.Measure([]));
        }
        catch
        {
            file.Close();
            throw;
        }
    }

    public virtual ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        CheckRange(offset, buffer.Length);
        File.ReadExactlyAt(buffer.Span, start + offset);
        return ValueTask.CompletedTask;
    }

    public virtual async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        Task<AllocationMap> examined;
        // Once, whoever asks first; on another thread, for it may read from millions of holes.
        lock (asking) examined = allocation ??= Task.Run(() => AllocationMap.Examine(File, Name, weighSpace: true, cancel), cancel);
        foreach (var extent in (await examined.WaitAsync(cancel)).Extents(start + offset, start + offset + lengthBytes))
        {
            cancel.ThrowIfCancellationRequested();
            yield return extent with { Offset = extent.Offset - start };
        }
    }

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        files.VerifyUnchanged(Name);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        CheckRange(offset, buffer.Length);
        File.WriteAt(buffer.Span, offset);
        // Through the page cache: on ext4 that is faster than O_DIRECT, which holds the file's lock while it waits.
        if (buffer.Length >= SentAtOnceBytes) behind.Written(offset, buffer.Length);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        CheckRange(offset, lengthBytes);
        if (lengthBytes == 0 || File.TryPunchHole(offset, lengthBytes) || File.TryZeroRange(offset, lengthBytes)) return ValueTask.CompletedTask;
        for (var at = offset; at < offset + lengthBytes; at += Zeros.Length)
        {
            cancel.ThrowIfCancellationRequested();
            File.WriteAt(Zeros.Span[..(int)Math.Min(Zeros.Length, offset + lengthBytes - at)], at);
        }

        return ValueTask.CompletedTask;
    }

    // On another thread: it may take minutes, and cannot be cancelled.
    public async ValueTask FlushAsync(CancellationToken cancel) => await Task.Run(behind.Flush, cancel);

    public async ValueTask CloseAsync(CancellationToken cancel)
    {
        await FlushAsync(cancel);
        File.Close();
    }

    public virtual ValueTask DisposeAsync()
    {
        File.Close();
        return ValueTask.CompletedTask;
    }

    protected static long CheckedLength(PosixFile file)
    {
        var facts = file.Facts();
        if (facts.Kind is not (FileKind.Regular or FileKind.BlockDevice)) throw DiskErrors.NotADisk(file.Path, $"it is a {facts.Kind}");
        return facts.LengthBytes;
    }

    protected void CheckRange(long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes < 0 || lengthBytes > LengthBytes - offset) throw DiskErrors.OutOfRange(Name, offset, lengthBytes, LengthBytes);
    }
}
