using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>The bare copy, which sealift hashes and the peer does not.</summary>
internal sealed class CopyRow : IRow
{
    public string Name => "copy";

    public string About => "raw file to raw file with the hash and without read-back, against nbdcopy";

    public long RoomBytes(Options options, Sizes sizes) => (2 * sizes.Copy) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), bench.Sizes.Copy, 21, half: false, cancel);
        var copies = new FileCopies(bench, "source.raw", disk);
        var nbdcopy = await Nbdcopy.ForFilesAsync(bench, Name, Peer, cancel);
        var runs = await bench.InterleaveAsync(Name, [copies.Ours("--source-format raw", proven: false), Peer(nbdcopy)], disk.LengthBytes, cancel);
        bench.Compare(Name, $"`sealift copy --no-proof` of {Text(disk.LengthBytes)}, hashed and flushed", $"`{nbdcopy}`, not hashed", new Goal(1.0), runs[0], runs[1]);

        Contestant Peer(string command) => copies.Peer($"{command} source.raw target.raw", makeTarget: true);
    }
}
