using Sealift.Bench.Faults.Rigs;

namespace Sealift.Bench.Faults.Storage;

/// <summary>A real nbdkit that fails or lies; each case is a fault of tests/rigs/faulty-disk.py.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="IsSource">Whether it has the source, and not the target over old bytes.</param>
/// <param name="OnlyFlush">Whether only the flush fails: what was written is there, and no longer if the server lost its power.</param>
/// <param name="Cases">The faults.</param>
public sealed record FaultyServer(string Name, bool IsSource, bool OnlyFlush, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.Nbd, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        var (socket, served) = (place.In("s"), IsSource ? place.Source : place.In("served.raw"));
        if (!IsSource) Workspace.WriteOldBytes(served);
        FinishedRun? run;
        await using (await Nbdkit.FaultyAsync(socket, served, $"fault={variant}"))
            run = await CopyAsync(tool, place, IsSource ? Uri(socket) : place.Source, IsSource ? place.Target : Uri(socket), cancel);
        var bytes = IsSource ? place.Target : served;
        return Judge(tool, variant, run, File.Exists(bytes) ? WhatDiffers(bytes) : "no file", refused: OnlyFlush);
    }

    internal static string Uri(string socket) => $"nbd+unix:///?socket={socket}";
}
