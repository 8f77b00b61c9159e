using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Sealift.Bench.Copies;
using Sealift.Bench.Offloads;

// What it costs to copy a raw file to another one on the same file system, and a unit of an array to another one, by each way and by the
// peers, with and without proof: time, and what the host moved from and to the storage. docs/offload.md has the table.
if (Options.Parse(args, ["xfs", "btrfs", "ext4", "array"], usualRuns: 5) is not { } options)
{
    Console.Error.WriteLine("usage: bench/offload [xfs] [btrfs] [ext4] [array] [--runs N] [--quick] [--output FILE] [--directory DIR] [--sealift DIR]");
    return 2;
}

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

var sizeBytes = (options.Quick ? 64L : 2048L) << 20;
var load = Machine.Load();
var clock = Stopwatch.StartNew();
(string Name, string Make, string[] Ways)[] all =
[
    ("xfs", "mkfs.xfs -q -m reflink=1", ["reflink", "copy-range", "stream"]),
    ("btrfs", "mkfs.btrfs -q", ["reflink", "copy-range", "stream"]),
    ("ext4", "mkfs.ext4 -q -F", ["copy-range", "stream"]),
];
try
{
    using var scratch = Scratch.Make(options.Directory, 3 * sizeBytes + (1L << 30));
    var commands = new Clock(scratch, Path.GetFullPath(options.Sealift ?? Path.Combine(Benchmark.Repository(), "out")));
    var lines = new List<string>();
    foreach (var (name, make, ways) in all.Where(s => options.Rows.Count == 0 || options.Rows.Contains(s.Name)))
    {
        await using var storage = new LoopStorage(commands, scratch, name);
        await storage.MountAsync(make, (2 * sizeBytes) + (sizeBytes / 2) + (512L << 20), stop.Token);
        var disk = TestDisk.Dense(scratch.In($"{name}/source.raw"), sizeBytes, 21, half: false, stop.Token);
        await MeasureAsync(name, storage, Sides(name, ways, disk, scratch), line => line.Replace($"{name}/", string.Empty, StringComparison.Ordinal));
    }

    if (options.Rows.Count == 0 || options.Rows.Contains("array"))
    {
        // Its virtual machine is an emulated one, with a network in user space: a quarter is enough to wait for.
        var disk = TestDisk.Dense(scratch.In("source.raw"), sizeBytes / 4, 22, half: false, stop.Token);
        await using var storage = await ArrayStorage.StartAsync(scratch, "source.raw", "target.raw", disk.LengthBytes, commands, stop.Token);
        await MeasureAsync("array", storage, UnitSides(storage, disk, scratch), line => line.Replace(storage.Source, "iscsi://…/1", StringComparison.Ordinal).Replace(storage.Target, "iscsi://…/2", StringComparison.Ordinal));
    }

    async Task MeasureAsync(string name, IStorage storage, IEnumerable<Contestant> sides, Func<string, string> shown)
    {
        foreach (var side in sides)
        {
            var (seconds, read, written) = (new List<double>(), 0L, 0L);
            for (var run = 0; run < options.Runs; run++)
            {
                await storage.PrepareAsync(stop.Token);
                var before = await storage.MovedAsync(stop.Token);
                var taken = await commands.MeasureAsync(side, TimeSpan.FromMinutes(10), stop.Token);
                if (!taken.Ended) throw new BenchException($"{side.Line} did not end");
                var after = await storage.MovedAsync(stop.Token);
                if (await side.WhatIsWrong(taken, stop.Token) is { } wrong) throw new BenchException($"{side.Line}: wrong result: {wrong}");
                seconds.Add(taken.Seconds);
                (read, written) = (after.ReadBytes - before.ReadBytes, after.WrittenBytes - before.WrittenBytes);
                await side.Before(stop.Token);
            }

            lines.Add(string.Create(CultureInfo.InvariantCulture, $"| {name} | `{shown(side.Line).Replace(" --source-format raw", string.Empty, StringComparison.Ordinal)}` | {new Series(seconds).Text(Report.Seconds)} | {read >> 20} | {written >> 20} |"));
            Console.Error.WriteLine($"{clock.Elapsed:mm\\:ss} {lines[^1]}");
        }
    }

    var text = $"""
        {await Machine.DescribeAsync(commands, load, ["btrfs-progs", "coreutils", "e2fsprogs", "libiscsi7", "qemu-block-extra", "qemu-utils", "xfsprogs"], stop.Token)}
        {Sizes.Text(sizeBytes)} of data, none of it in the page cache; each {options.Runs} times; of units of an array a quarter of that. MiB that the host read from the storage and wrote to it, of the last run.

        | file system | command | seconds | MiB read | MiB written |
        |---|---|---|---|---|
        {string.Join('\n', lines)}

        """;
    if (options.Output is { } output) await File.WriteAllTextAsync(output, text, stop.Token);
    else Console.Write(text);
    return 0;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.Error.WriteLine("interrupted; everything that was made is removed");
    return 130;
}
catch (BenchException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}

static IEnumerable<Contestant> UnitSides(ArrayStorage storage, TestDisk disk, Scratch scratch)
{
    foreach (var side in OwnSides(["xcopy", "stream"], options => $"sealift copy --overwrite {options}{storage.Source} {storage.Target}", disk, WhatDiffers)) yield return side;
    foreach (var offloaded in new[] { true, false })
        yield return new Contestant($"qemu-img convert -n -f raw -O raw {(offloaded ? "-C " : string.Empty)}{storage.Source} {storage.Target}") { WhatIsWrong = (_, cancel) => Task.FromResult(WhatDiffers(cancel)) };

    string? WhatDiffers(CancellationToken cancel) => RawFiles.WhatDiffers(disk.Path, scratch.In("target.raw"), cancel);
}

static IEnumerable<Contestant> Sides(string name, string[] ways, TestDisk disk, Scratch scratch)
{
    foreach (var side in OwnSides(ways, options => $"sealift copy --source-format raw {options}{name}/source.raw {name}/target.raw", disk, WhatDiffers)) yield return Of(side);
    if (ways.Contains("reflink")) yield return Peer($"cp --reflink=always {name}/source.raw {name}/target.raw && sync -f {name}/target.raw");
    yield return Peer($"qemu-img convert -f raw -O raw -C {name}/source.raw {name}/target.raw && sync -f {name}/target.raw");

    string? WhatDiffers(CancellationToken cancel) => RawFiles.WhatDiffers(disk.Path, scratch.In($"{name}/target.raw"), cancel);

    Contestant Peer(string line) => Of(new Contestant(line) { WhatIsWrong = (_, cancel) => Task.FromResult(WhatDiffers(cancel)) });

    Contestant Of(Contestant side) => side with
    {
        Before = _ =>
        {
            scratch.Remove($"{name}/target.raw");
            return Task.CompletedTask;
        },
    };
}

// Each way, with and without proof: the hash has to be right, it has to be that way, and the target has to be the disk.
static IEnumerable<Contestant> OwnSides(string[] ways, Func<string, string> line, TestDisk disk, Func<CancellationToken, string?> whatDiffers)
{
    foreach (var way in ways)
        foreach (var proven in new[] { true, false })
        {
            yield return new Contestant(line($"--transfer {way} {(proven ? string.Empty : "--no-proof ")}"))
            {
                ExitCode = proven ? 0 : 3,
                WhatIsWrong = (run, cancel) => Task.FromResult(
                    !run.Output.StartsWith($"{disk.Hash}  ", StringComparison.Ordinal) ? $"not the hash {disk.Hash}: {run.Output}"
                    : way != "stream" && !run.Output.Contains($"({way}", StringComparison.Ordinal) ? $"another way: {run.Output}" : whatDiffers(cancel)),
            };
        }
}
