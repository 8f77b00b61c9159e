using System.Globalization;
using Sealift.Bench.Faults.Rigs;

namespace Sealift.Bench.Faults.Storage;

/// <summary>A file system that is too small; each case is its length in bytes.</summary>
public sealed record FullFileSystem(string Name, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.File, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        var folder = Directory.CreateDirectory(place.In("small")).FullName;
        await using var small = await MountedFileSystem.TmpfsAsync(folder, long.Parse(variant, CultureInfo.InvariantCulture));
        var target = Path.Combine(small.View, "target.raw");
        var run = await CopyAsync(tool, place, place.Source, Path.Combine(folder, "target.raw"), cancel, inside: small.Inside);
        return Judge(tool, variant, run, File.Exists(target) ? WhatDiffers(target) : "no file");
    }
}
