using Sealift.Bench.Faults.Rigs;

namespace Sealift.Bench.Faults.Storage;

/// <summary>A connection that is cut in the middle of an answer: of the data of a "source", of a reply to a "target".</summary>
public sealed record CutConnection(string Name) : StorageFault(Name, TargetKinds.Nbd, ["source", "target"])
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        var isSource = variant == "source";
        var (socket, proxied, served) = (place.In("s"), place.In("p"), isSource ? place.Source : place.In("served.raw"));
        if (!isSource) Workspace.WriteOldBytes(served);
        FinishedRun? run;
        await using (await Nbdkit.FaultyAsync(socket, served))
        {
            await using var proxy = new CuttingProxy(proxied, socket, requestBytes: isSource ? 0 : 65536, answerBytes: isSource ? 100_000 : 7);
            var uri = FaultyServer.Uri(proxied);
            run = await CopyAsync(tool, place, isSource ? uri : place.Source, isSource ? place.Target : uri, cancel);
            if (proxy.Cuts == 0) throw new InvalidOperationException($"{tool.Name}: no connection was cut");
        }

        var bytes = isSource ? place.Target : served;
        return Judge(tool, variant, run, File.Exists(bytes) ? WhatDiffers(bytes) : "no file");
    }
}
