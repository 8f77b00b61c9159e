using System.Collections.Concurrent;

namespace Sealift.Bench.Faults.Storage;

/// <summary>Every kind of faulty storage, and every program on each that can use it.</summary>
public static class StorageSweep
{
    // Offset 700,000 is in the first data of the disk, 2,800,000 in the second, 3,300,000 in the third; see Workspace.
    private static readonly string[] SomeWrites = ["pwrite:EIO:700000", "pwrite:EIO", "pwrite:ENOSPC:700000"];

    /// <summary>The kinds.</summary>
    /// <param name="faultyStorage">The library of tests/rigs/faulty-storage.c, compiled.</param>
    public static IReadOnlyList<StorageFault> Faults(string faultyStorage) =>
    [
        new LostWritebackOfDevice("device loses writes", false, SomeWrites) { FaultyStorage = faultyStorage },
        new LostWritebackOfDevice("device fails to flush", true, ["flush:EIO"]) { FaultyStorage = faultyStorage },
        new LostWritebackOfFileSystem("ext4 on a device that loses writes", ["pwrite:EIO", "pwrite:ENOSPC"]) { FaultyStorage = faultyStorage },
        new FullFileSystem("file system fills up", ["1048576", "1572864"]) { FaultyStorage = faultyStorage },
        new ChangingSource("source changes", ["shrinks@700000", "shrinks@3300000", "written to@2800000", "replaced@2800000"]) { FaultyStorage = faultyStorage },
        new LyingHoles("data called a hole", ["hidden:0:1048576", "hidden:65536:65536", "enxio:1048576:0"]) { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: flush fails", false, true, ["flush:EIO", "flush:ENOSPC"]) { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: writes dropped", false, false, ["pwrite:drop:700000", "pwrite:drop::1", "pwrite:drop"]) { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: zeroing cut short", false, false, ["zero:half", "zero:drop"]) { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: writes changed", false, false, ["pwrite:flip:700000", "pwrite:flip:2800000:1"]) { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: server dies", false, false, ["pwrite:die:700000", "zero:die"]) { FaultyStorage = faultyStorage },
        new CutConnection("NBD: cut mid-reply") { FaultyStorage = faultyStorage },
        new FaultyServer("NBD: wrong bytes read", true, false, ["pread:flip:700000", "pread:drop:2800000"]) { FaultyStorage = faultyStorage },
    ];

    /// <summary>Runs them, one on each processor at a time.</summary>
    /// <param name="tools">The programs.</param>
    /// <param name="faults">The kinds.</param>
    /// <param name="progress">Told after each run.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<IReadOnlyList<StorageTrial>> RunAsync(IReadOnlyList<CopyTool> tools, IReadOnlyList<StorageFault> faults, Action<StorageTrial>? progress, CancellationToken cancel)
    {
        var directory = Directory.CreateTempSubdirectory("sealift-faults-").FullName;
        try
        {
            var work = from tool in tools from fault in faults where (tool.Targets & fault.Targets) != 0 from variant in fault.Cases select (tool, fault, variant);
            var trials = new ConcurrentBag<StorageTrial>();
            await Parallel.ForEachAsync(work.Index(), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, async (item, stop) =>
            {
                var (tool, fault, variant) = item.Item;
                using var place = new Workspace(Path.Combine(directory, $"t{item.Index}"));
                var trial = await fault.RunAsync(tool, variant, place, stop);
                trials.Add(trial);
                progress?.Invoke(trial);
            });
            return [.. trials];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
