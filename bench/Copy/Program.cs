using Sealift.Bench.Copies;
using Sealift.Bench.Copies.Rows;

return await Benchmark.RunAsync(args, new Offer("bench/run", [new DiskRow(), new HashRow(), new CopyRow(), new ProofRow(), new ImagesRow(), new NbdRow(), new SparseRow(), new TenRow(), new HelpRow(), new GrowthRow()])
{
    HasLarge = true,
    Packages = ["b3sum", "coreutils", "libnbd-bin", "nbdkit", "openssl", "qemu-utils", "time"],
});
