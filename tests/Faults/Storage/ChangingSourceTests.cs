using Sealift.Posix;

namespace Sealift.Faults.Storage;

/// <summary>A source that somebody works on while it is read: never success with bytes that it had at no one time.</summary>
public sealed class ChangingSourceTests(OtherSide side)
{
    // The first read there is that of the examination.
    private const long AtFirst = 700_000;

    private static readonly long[] Places = [AtFirst, 2_000_000, 6_000_000];

    public static TheoryData<Way, string, long> Changes
    {
        get
        {
            var all = new TheoryData<Way, string, long>();
            foreach (var way in new[] { Way.Copy, Way.Migrate, Way.Hash })
                foreach (var change in new[] { "shrinks", "shrinks by a sector", "grows", "is written to", "is written to where it was read before", "is replaced", "is replaced by its like", "is removed", "is emptied and filled again" })
                    foreach (var place in Places) all.Add(way, change, place);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_source_that_changes_is_found_out(Way way, string change, long place)
    {
        // Whatever it trips over first: the measuring (SL4201, SL6003), an early end (SL1002), a missing file, holes that were data before.
        // What changed before anything was measured is simply the source.
        var disk = new DisturbedCopy(side, way, ["SL4201|SL6003|SL1002|ENOENT|SL4203", "box.raw"], maySucceed: place == AtFirst);
        var arrived = await disk.RunAsync(disk.Fault("pause", "/box.raw", place), disk.AtThePause(() =>
        {
            Change(disk, change);
            if (File.Exists(disk.Source)) disk.Right = File.ReadAllBytes(disk.Source);
        }));
        if (arrived) return;
        if (!File.Exists(disk.Source)) side.WriteDisk(disk.Source);
        await disk.GoOnAsync(sourceChanged: true);
    }

    private void Change(DisturbedCopy disk, string change)
    {
        var source = disk.Source;
        switch (change)
        {
            case "shrinks":
                SetLength(source, 3 << 20);
                break;
            case "shrinks by a sector":
                SetLength(source, 6 << 20);
                break;
            case "grows":
                SetLength(source, 8 << 20);
                break;
            case "is written to":
                Write(source, 6_100_000);
                break;
            case "is written to where it was read before":
                Write(source, 100_000);
                break;
            case "is replaced":
                File.WriteAllBytes(disk["new.raw"], Array.ConvertAll(side.Disk, b => (byte)~b));
                File.Move(disk["new.raw"], source, overwrite: true);
                Write(source, 0, side.Disk.AsSpan(0, 512)); // still a disk
                break;
            case "is replaced by its like":
                side.WriteDisk(disk["new.raw"]);
                File.Move(disk["new.raw"], source, overwrite: true);
                break;
            case "is removed":
                File.Delete(source);
                break;
            case "is emptied and filled again":
                SetLength(source, 0);
                Write(source, 0, side.Disk);
                break;
            default:
                throw new InvalidOperationException(change);
        }
    }

    private static void SetLength(string path, long lengthBytes)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.SetLength(lengthBytes);
    }

    private static void Write(string path, long offset) => Write(path, offset, "changed"u8);

    private static void Write(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.WriteAt(bytes, offset);
    }
}
