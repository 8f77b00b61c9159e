using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>The copy that is proven, beside what a careful person does by hand for the same: copy, flush, and hash both sides.</summary>
internal sealed class ProofRow : IRow
{
    // Pages that are not on storage yet are not dropped: so they are flushed first, as the manual of dd says for oflag=nocache.
    private const string DropTarget = "dd of=target.raw oflag=nocache conv=notrunc,fdatasync count=0 status=none && ";

    private static readonly string[] Hashes = ["b3sum source.raw target.raw", "b3sum --no-mmap source.raw & b3sum --no-mmap target.raw && wait $!"];

    public string Name => "proof";

    public string About => "copy with hash and read-back, against nbdcopy and then a hash of both sides";

    public long RoomBytes(Options options, Sizes sizes) => (2 * sizes.Copy) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), bench.Sizes.Copy, 31, half: false, cancel);
        var copies = new FileCopies(bench, "source.raw", disk);
        var nbdcopy = await Nbdcopy.ForFilesAsync(bench, Name, command => copies.Peer($"{command} source.raw target.raw", makeTarget: true), cancel);
        Contestant Peer(string before, string hash) => copies.Peer($"{nbdcopy} source.raw target.raw && {before}{{ {hash}; }}", makeTarget: true, digests: true);

        var sides = Hashes.Select(hash => (Hash: hash, Side: Peer(DropTarget, hash))).ToList();
        var dropped = await bench.FastestAsync(Name, [.. sides.Select(s => s.Side)], cancel);
        var cached = Peer(string.Empty, sides.Single(s => s.Side.Line == dropped.Line).Hash);
        var runs = await bench.InterleaveAsync(Name, [copies.Ours("--source-format raw"), cached, dropped], disk.LengthBytes, cancel);
        var sha256 = await bench.InterleaveAsync(Name, [Peer(DropTarget, "openssl dgst -r -sha256 source.raw & openssl dgst -r -sha256 target.raw && wait $!")], disk.LengthBytes, cancel, runs: 1);
        var what = $"`sealift copy` of {Text(disk.LengthBytes)}, hashed and proven";
        bench.Compare(Name, what, "(a) nbdcopy, then BLAKE3 of both sides, of the target whatever the page cache still has", new Goal(0.5), runs[0], runs[1], "(a) proves nothing about storage");
        bench.Compare(Name, what, "(b) nbdcopy, the target dropped from the page cache, then BLAKE3 of both sides", new Goal(0.5), runs[0], runs[2]);
        bench.Compare(Name, what, "as (b), with SHA-256 by OpenSSL, both sides in parallel", null, runs[0], sha256[0]);
    }
}
