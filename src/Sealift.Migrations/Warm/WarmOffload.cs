using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>
/// Storage that copies a disk of a machine that runs, ahead of the pass that begins it. What it copies is the file that the guest writes to
/// and of no point in time. So it only saves writing: the pass reads all of the point in time, compares each block with what is there,
/// and writes those that differ.
/// </summary>
internal sealed class WarmOffload : IAsyncDisposable
{
    private readonly TransferReport report;

    private WarmOffload(TransferReport report, PrefilledDisk? disk) => (this.report, Disk) = (report, disk);

    /// <summary>What is there to be compared with; null where nobody copied but the engine.</summary>
    public PrefilledDisk? Disk { get; }

    /// <summary>Who copied it. Only what was found right counts as the storage's.</summary>
    public TransferReport Report => Disk is null ? report : report with { OffloadedBytes = Disk.SameBytes };

    /// <summary>Lets the storage copy, where the plan asks for it by name.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="disk">The disk, whose target has just been made.</param>
    /// <param name="source">Where the guest writes.</param>
    /// <param name="step">Who is told.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">What was asked for is not possible (SL4281), declined and must not (SL4283), or failed (SL4215).</exception>
    public static async Task<WarmOffload> PrefillAsync(MigrationContext context, PassDisk disk, TransferEnd source, string step, CancellationToken cancel)
    {
        var (plan, path) = (context.Request.Transfer, context.DiskPath(disk.Key));
        if (plan.Name is TransferPlan.Auto or TransferPlan.Stream)
        {
            var why = plan.Name == TransferPlan.Stream ? "stream was asked for" : "not by itself while the machine runs: its guest would have to copy with each write what is shared";
            return new WarmOffload(new TransferReport(TransferPlan.Stream, [.. TransferPlan.Providers.Select(p => new TransferPassedOver(p.Name, why))]), null);
        }

        var target = new TransferEnd(path, 0, disk.LengthBytes, context.Request.Format);
        var offload = await Offload.ChooseAsync(plan, new TransferEnds(source, target, context.Hash.BlockBytes, context.Copying.Bandwidth is not null), cancel);
        if (await offload.PrefillAsync(path, cancel) is { } declined)
            context.Events.Send(new Note(step, $"{disk.Key}: the storage declined at offset {offload.Report.DeclinedAt}, and the rest is copied by stream: {declined}"));
        return new WarmOffload(offload.Report, PrefilledDisk.Open(path, context.Hash.BlockBytes, context.Copying));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Disk is not null) await Disk.DisposeAsync();
    }
}
