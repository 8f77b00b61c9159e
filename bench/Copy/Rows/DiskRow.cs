using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>What the storage gives: no copy is faster than this, whoever makes it.</summary>
internal sealed class DiskRow : IRow
{
    public string Name => "disk";

    public string About => "what the storage writes and reads, by dd past the page cache: the bound of every copy to it";

    public long RoomBytes(Options options, Sizes sizes) => (2 * sizes.Copy) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), bench.Sizes.Copy, 21, half: false, cancel);
        var write = new FileCopies(bench, "source.raw", disk).Peer("dd if=source.raw of=target.raw bs=4M oflag=direct conv=fsync status=none", makeTarget: false);
        var read = new Contestant("dd if=target.raw of=/dev/null bs=4M iflag=direct status=none");
        var runs = await bench.InterleaveAsync(Name, [write, read], disk.LengthBytes, cancel, runs: 2);
        Add("written", runs[0]);
        Add("read", runs[1]);

        void Add(string what, IReadOnlyList<Run> taken) => bench.Report.Add(
            new ReportLine(Name, $"{Text(disk.LengthBytes)} {what} past the page cache", "–", null, new Series([.. taken.Select(r => disk.LengthBytes / 1e6 / r.Seconds)]), " MB/s"));
    }
}
