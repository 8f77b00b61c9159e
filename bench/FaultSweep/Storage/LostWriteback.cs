using Sealift.Bench.Faults.Rigs;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Storage;

/// <summary>A block device of the kernel's own that accepts what is written and cannot store it; the program writes to the device.</summary>
public sealed record LostWritebackOfDevice(string Name, bool OnlyFlush, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.Device, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        await using var device = await FailingDevice.StartAsync(place.Path, mounted: false, variant);
        device.Fails(true);
        var run = await CopyAsync(tool, place, place.Source, device.Node, cancel);
        // Whoever has not flushed has left it to the kernel, which does it now, on the storage as it still is.
        await device.SettleAsync();
        return Judge(tool, variant, run, WhatDiffers(device.Stored), refused: OnlyFlush);
    }
}

/// <summary>The same below an ext4; the program makes a file on it.</summary>
public sealed record LostWritebackOfFileSystem(string Name, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.File, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        await using var device = await FailingDevice.StartAsync(place.Path, mounted: true, variant);
        device.Fails(true);
        var target = Path.Combine(device.View, "target.raw");
        var run = await CopyAsync(tool, place, place.Source, Path.Combine(device.Point, "target.raw"), cancel, inside: device.Inside);
        if (!File.Exists(target)) return Judge(tool, variant, run, "no file");
        _ = await ChildProcess.RunAsync(new ChildCommand("sync", target) { AcceptedExitCodes = [0, 1] }, cancel); // 1: writeback fails, as it is meant to
        device.Fails(false);
        using (var file = PosixFile.Open(target, OpenMode.Read)) file.DropCache(); // what was not stored was clean by then, too
        return Judge(tool, variant, run, WhatDiffers(target));
    }
}
