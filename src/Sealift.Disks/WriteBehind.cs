using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// Sends what is written to the device at once, and waits for it only when so much more was written since that it ought to be there:
/// the device is never idle, and whoever writes seldom waits for it. A failure is told with its place, and memory that running
/// machines need is not filled with what nobody reads again.
/// </summary>
internal sealed class WriteBehind(PosixFile file)
{
    // What a device of 2 GB/s writes in 16 ms, longer than any of them takes for one request; and all that is ever dirty.
    private const long MostBytes = 32 << 20;

    private readonly Lock gate = new();
    private readonly Queue<DiskRange> underWay = new();
    private long bytesUnderWay;

    /// <summary>Tells of a range that was just written.</summary>
    public void Written(long offset, long lengthBytes)
    {
        file.StartWriteBack(offset, lengthBytes);
        var due = new List<DiskRange>();
        lock (gate)
        {
            underWay.Enqueue(new DiskRange(offset, lengthBytes));
            bytesUnderWay += lengthBytes;
            while (bytesUnderWay > MostBytes) due.Add(Dequeue());
        }

        foreach (var range in due)
        {
            file.WriteBack(range.Offset, range.LengthBytes);
            file.DropCache(range.Offset, range.LengthBytes);
        }
    }

    /// <summary>Flushes the file, and drops what was under way.</summary>
    public void Flush()
    {
        var due = new List<DiskRange>();
        lock (gate)
            while (underWay.Count > 0) due.Add(Dequeue());
        file.Sync();
        foreach (var range in due) file.DropCache(range.Offset, range.LengthBytes);
    }

    private DiskRange Dequeue()
    {
        var range = underWay.Dequeue();
        bytesUnderWay -= range.LengthBytes;
        return range;
    }
}
