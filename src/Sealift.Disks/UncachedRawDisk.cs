using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A raw disk of ours that is read past the page cache.</summary>
internal sealed class UncachedRawDisk : RawDisk, IUncachedReader
{
    private const int Alignment = PosixFile.DirectAlignmentBytes;
    // Bounce buffers for callers whose memory is not aligned, and for a tail that is no multiple of the alignment.
    private const int BounceBytes = 1 << 20;

    private readonly BufferPool bounce = new(BounceBytes);
    private readonly bool direct;

    private UncachedRawDisk(PosixFile file, string path, long lengthBytes, CacheBypass bypass, bool whileWritten)
        : base(file, path, 0, lengthBytes, SourceFiles.Measure(whileWritten ? [] : [path]))
    {
        direct = bypass.IsDirect;
        CacheBypass = bypass.Description;
    }

    public string CacheBypass { get; }

    public bool CanProveHoles => true;

    /// <summary>Opens a raw file or a block device.</summary>
    /// <param name="path">Which.</param>
    /// <param name="whileWritten">Whether somebody still writes to it, so that a change is none.</param>
    public static UncachedRawDisk Open(string path, bool whileWritten = false)
    {
        var bypass = Disks.CacheBypass.Prepare(path);
        var file = PosixFile.Open(path, bypass.IsDirect ? OpenMode.Read | OpenMode.Direct : OpenMode.Read);
        try
        {
            return new UncachedRawDisk(file, path, CheckedLength(file), bypass, whileWritten);
        }
        catch
        {
            file.Close();
            throw;
        }
    }

    // On another thread, for it may read from millions of holes; and by a descriptor that takes any length.
    public async ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => await Task.Run(
        () =>
        {
            using var file = PosixFile.Open(File.Path, OpenMode.Read);
            return AllocationMap.Examine(file, Name, weighSpace: true, cancel).Doubt;
        },
        cancel);

    /// <summary>What the file system says now; <see cref="HoleDoubtAsync"/> says whether it is believed.</summary>
    public override async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        await Task.CompletedTask;
        CheckRange(offset, lengthBytes);
        foreach (var extent in AllocationMap.Walk(File, Name, offset, offset + lengthBytes))
        {
            cancel.ThrowIfCancellationRequested();
            yield return extent;
        }
    }

    public ValueTask DropCacheAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        File.DropCache(offset, lengthBytes);
        return ValueTask.CompletedTask;
    }

    public override ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        if (!direct) return base.ReadAsync(offset, buffer, cancel);
        cancel.ThrowIfCancellationRequested();
        CheckRange(offset, buffer.Length);
        var done = 0;
        if (offset % Alignment == 0 && IsAligned(buffer))
        {
            done = buffer.Length / Alignment * Alignment;
            File.ReadExactlyAt(buffer.Span[..done], offset);
        }

        if (done == buffer.Length) return ValueTask.CompletedTask;
        var aligned = bounce.Rent();
        try
        {
            while (done < buffer.Length)
            {
                cancel.ThrowIfCancellationRequested();
                var skip = (int)((offset + done) % Alignment);
                var wanted = Math.Min(buffer.Length - done, BounceBytes - skip);
                var span = aligned.GetSpan()[..((skip + wanted + Alignment - 1) / Alignment * Alignment)];
                ReadUpToEnd(span, offset + done - skip, skip + wanted);
                span.Slice(skip, wanted).CopyTo(buffer.Span[done..]);
                done += wanted;
            }
        }
        finally
        {
            bounce.Return(aligned);
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        bounce.Dispose();
        return base.DisposeAsync();
    }

    private static bool IsAligned(Memory<byte> buffer) =>
        MemoryMarshal.TryGetMemoryManager<byte, AlignedBuffer>(buffer, out _, out var start, out _) && start % Alignment == 0;

    /// <summary>Reads an aligned range that may reach past the end of the file.</summary>
    private void ReadUpToEnd(Span<byte> span, long offset, int needed)
    {
        int read;
        try
        {
            read = File.ReadAt(span, offset);
        }
        catch (PosixException e) when (e.Errno == Errno.EINVAL && e.Offset == LengthBytes)
        {
            // The last block was read up to the end of the file, which is not aligned; some file systems refuse the next read there
            // instead of saying that the file ends. Everything before it has arrived.
            read = (int)(LengthBytes - offset);
        }

        if (read < needed) throw DiskErrors.Changed(Name, $"it ends at {offset + read}, and had {LengthBytes} bytes when it was opened");
    }
}
