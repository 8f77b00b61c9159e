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
        var both = new FileCopies(bench, "source.raw", disk).Peer("dd if=source.raw of=target.raw bs=4M oflag=direct conv=fsync status=none & dd if=source.raw of=/dev/null bs=4M iflag=direct status=none && wait $!", makeTarget: false);
        var runs = await bench.InterleaveAsync(Name, [write, read, both], disk.LengthBytes, cancel, runs: 2);
        Add($"{Text(disk.LengthBytes)} written", disk.LengthBytes, runs[0]);
        Add($"{Text(disk.LengthBytes)} read", disk.LengthBytes, runs[1]);
        Add($"{Text(disk.LengthBytes)} written while as much is read, both together,", 2 * disk.LengthBytes, runs[2]);

        void Add(string what, long bytes, IReadOnlyList<Run> taken) => bench.Report.Add(
            new ReportLine(Name, $"{what} past the page cache", "–", null, new Series([.. taken.Select(r => bytes / 1e6 / r.Seconds)]), " MB/s"));
    }
}
