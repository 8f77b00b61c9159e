namespace Sealift.Faults.Storage;

/// <summary>A file system whose SEEK_DATA and SEEK_HOLE are wrong: what is taken for a hole is never read, so no later proof could tell.</summary>
public sealed class LyingHolesTests(OtherSide side)
{
    public static TheoryData<Way, string, long, long, string> Lies
    {
        get
        {
            var all = new TheoryData<Way, string, long, long, string>();
            foreach (var way in new[] { Way.Copy, Way.Migrate, Way.Hash })
            {
                // A hole over data: the file takes more space than that, and the hole is looked into.
                all.Add(way, "hidden", 0, 1 << 20, "");
                all.Add(way, "hidden", 1 << 20, 1 << 20, "");
                all.Add(way, "hidden", 65536, 65536, "");
                all.Add(way, "hidden", 5 << 20, 1 << 20, "");
                all.Add(way, "hidden", 1 << 20, 4096, "");
                // "No more data", too early.
                all.Add(way, "enxio", 0, 0, "");
                all.Add(way, "enxio", 1 << 20, 0, "");
                all.Add(way, "enxio", 9 << 19, 0, "SL4203 box.raw offset");
                // Harmless: holes are read.
                all.Add(way, "nohole", 0, 0, "");
                all.Add(way, "far", 0, 0, "");
                // What contradicts itself is believed in nothing.
                all.Add(way, "turns", 0, 0, "SL4203 box.raw");
                all.Add(way, "back", 5 << 19, 0, "SL4203 box.raw offset");
                all.Add(way, "still", 0, 0, "SL4203 box.raw offset");
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Wrong_holes_are_read_or_refused(Way way, string lie, long offset, long length, string says)
    {
        var disk = new DisturbedCopy(side, way, says.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        if (!await disk.RunAsync(disk.Fault(lie, "/box.raw", offset, length: length))) await disk.GoOnAsync();
    }
}
