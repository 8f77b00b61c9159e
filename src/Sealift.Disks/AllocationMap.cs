using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// What a file's file system says of its holes (lseek(2), SEEK_DATA and SEEK_HOLE), and whether that may be believed. A hole that is
/// none would become zeros in the copy, and its hash would be right: nothing later could tell. So the claims are compared with what
/// can't be had for nothing, and where they do not fit every claimed hole is read for real.
/// </summary>
internal sealed class AllocationMap
{
    // A file system answers for a true hole without any I/O, at several GB/s: so many bytes of holes are read whole, in 20 ms.
    private const long ReadWholeBytes = 64L << 20;
    // Of larger ones the start, the end and a page in so many bytes: 65536 reads in a hole of 1 TiB, 0.1 s.
    private const long SampleStepBytes = 16L << 20;
    private const int SampleBytes = 4096;
    private const int BufferBytes = 1 << 20;
    // An allocation unit is never smaller, whatever a file system prefers for I/O.
    private const int SmallestUnitBytes = 4096;
    // Metadata count as allocated. A block of them holds up to 340 extents in 4 KiB (ext4; XFS: 250), and is not full: ext4 splits it
    // where something is put between, and what was written from front to back, and later at places between, as a guest or a pass over a
    // running machine does, was seen with as few as 67. What looks like one extent of data may be several below: at least one for each
    // 128 MiB (ext4), often more, so a block for each GiB.
    private const int ExtentsPerUnit = 32;
    private const long DataPerUnit = 1L << 30;

    private readonly PosixFile file;
    private readonly string name;
    private readonly long claimedBytes;

    private AllocationMap(PosixFile file, string name, long claimedBytes, string? doubt)
    {
        this.file = file;
        this.name = name;
        this.claimedBytes = claimedBytes;
        Doubt = doubt;
    }

    /// <summary>Why no claimed hole is believed; null where they are.</summary>
    public string? Doubt { get; }

    /// <summary>Walks over the whole file once and checks what is claimed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">What errors call the disk.</param>
    /// <param name="weighSpace">Whether more space than data is a reason for doubt. Space that was set aside and not written yet is one, without harm; an image with tables of its own has a lot of it.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">The claims contradict themselves (SL4203); reading failed.</exception>
    public static AllocationMap Examine(PosixFile file, string name, bool weighSpace, CancellationToken cancel)
    {
        var before = file.Facts();
        long dataBytes = 0, extents = 0;
        string? doubt = null;
        if (before.Kind == FileKind.Regular)
        {
            var buffer = new byte[BufferBytes];
            var budget = ReadWholeBytes;
            foreach (var extent in Walk(file, name, 0, before.LengthBytes))
            {
                cancel.ThrowIfCancellationRequested();
                if (!extent.IsHole)
                {
                    dataBytes += extent.LengthBytes;
                    extents++;
                }
                else if (doubt is null && FirstByteThatIsNotZero(file, extent, buffer, ref budget, cancel) is { } at)
                {
                    doubt = $"the file system calls {extent.LengthBytes} bytes at offset {extent.Offset} of {file.Path} a hole, and there are data at {at}";
                }
            }

            // Taken before the walk: what is written meanwhile is a change of the source, which others look for.
            long unit = Math.Max(SmallestUnitBytes, before.PreferredBytes);
            var explained = dataBytes + (unit * (2 + (extents / ExtentsPerUnit) + (dataBytes / DataPerUnit)));
            if (weighSpace && before.AllocatedBytes > explained)
                doubt ??= $"{file.Path} takes {before.AllocatedBytes} bytes on its file system, which says that only {dataBytes} of them are data";
        }

        return new AllocationMap(file, name, dataBytes, doubt);
    }

    /// <summary>The extents of a range of the file: all data where the claims are in doubt.</summary>
    public IEnumerable<DiskExtent> Extents(long start, long end)
    {
        if (Doubt is not null)
        {
            if (end > start) yield return new DiskExtent(start, end - start, IsHole: false);
            yield break;
        }

        long dataBytes = 0;
        foreach (var extent in Walk(file, name, start, end))
        {
            if (!extent.IsHole) dataBytes += extent.LengthBytes;
            yield return extent;
        }

        // What was data a moment ago is no hole now, unless somebody writes to the file, or the answers are made up.
        if (start == 0 && end == file.Facts().LengthBytes && dataBytes < claimedBytes)
            throw DiskErrors.BadExtents(name, start, $"{claimedBytes} bytes of {file.Path} were data at the first look, and {dataBytes} at the second");
    }

    /// <summary>What the file system says now, whether it is believed or not.</summary>
    /// <exception cref="SealiftException">It contradicts itself (SL4203).</exception>
    public static IEnumerable<DiskExtent> Walk(PosixFile file, string name, long start, long end)
    {
        while (start < end)
        {
            foreach (var extent in Next(file, name, start, end))
            {
                yield return extent;
                start = extent.End;
            }
        }
    }

    /// <summary>The hole that an offset is in, where it is in one, and the data after it.</summary>
    private static List<DiskExtent> Next(PosixFile file, string name, long offset, long end)
    {
        try
        {
            var data = file.SeekData(offset);
            if (data < 0)
            {
                // "Only a hole is left" is believed only if the hole itself says so too, and if the answer stays the same: a wrong
                // ENXIO, or a file that was cut short meanwhile, would otherwise turn data into zeros, and nothing later could tell.
                // Data behind the range may be new, where a disk is read back while it is written.
                if (file.SeekHole(offset) != offset || (file.SeekData(offset) is var again and >= 0 && again < end))
                    throw DiskErrors.BadExtents(name, offset, "lseek says that only a hole is left, and that there is data");
                return [new DiskExtent(offset, end - offset, IsHole: true)];
            }

            if (data < offset) throw DiskErrors.BadExtents(name, offset, $"lseek(SEEK_DATA) went back to {data}");
            if (data >= end) return [new DiskExtent(offset, end - offset, IsHole: true)];
            var hole = file.SeekHole(data);
            if (hole <= data) throw DiskErrors.BadExtents(name, data, $"lseek(SEEK_HOLE) answered {hole}");
            var dataExtent = new DiskExtent(data, Math.Min(hole, end) - data, IsHole: false);
            return data > offset ? [new DiskExtent(offset, data - offset, IsHole: true), dataExtent] : [dataExtent];
        }
        catch (PosixException e) when (e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            // Block devices and some file systems know no holes: then everything is data.
            return [new DiskExtent(offset, end - offset, IsHole: false)];
        }
    }

    private static long? FirstByteThatIsNotZero(PosixFile file, DiskExtent hole, byte[] buffer, ref long budget, CancellationToken cancel)
    {
        var whole = hole.LengthBytes <= budget;
        if (whole) budget -= hole.LengthBytes;
        var (step, length) = whole ? (BufferBytes, BufferBytes) : (SampleStepBytes, SampleBytes);
        for (var at = hole.Offset; at < hole.End; at += step)
        {
            cancel.ThrowIfCancellationRequested();
            if (IndexIn(at) is { } found) return found;
        }

        // A hole that was not read whole may be shorter than a page all the same: what lies before it is no part of it.
        return whole ? null : IndexIn(Math.Max(hole.Offset, hole.End - SampleBytes));

        long? IndexIn(long at)
        {
            var bytes = buffer.AsSpan(0, (int)Math.Min(length, hole.End - at));
            file.ReadExactlyAt(bytes, at);
            return bytes.IndexOfAnyExcept((byte)0) is var index and >= 0 ? at + index : null;
        }
    }
}
