using Sealift.Bench.Copies;
using Sealift.Bench.Warm.Rows;

return await Benchmark.RunAsync(args, new Offer("bench/warm", [new BytesRow(), new TebibyteRow(), new DowntimeRow(), new LiesRow()])
{
    Runs = 3,
    Packages = ["coreutils", "qemu-system-x86", "qemu-utils", "time"],
});
