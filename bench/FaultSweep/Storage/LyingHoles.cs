namespace Sealift.Bench.Faults.Storage;

/// <summary>A file system that calls data a hole; each case is the lie, its offset and its length.</summary>
public sealed record LyingHoles(string Name, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.File, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        var words = variant.Split(':');
        var run = await CopyAsync(tool, place, place.Source, place.Target, cancel, Preload(place, words[0], words[1], words[2]));
        return Judge(tool, variant, run, File.Exists(place.Target) ? place.WhatDiffers(place.Target) : "no file");
    }
}
