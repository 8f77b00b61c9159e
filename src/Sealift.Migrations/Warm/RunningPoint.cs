using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>A point in time of a running machine that is only looked at: nothing is recorded from it on.</summary>
internal sealed class RunningPoint : IAsyncDisposable
{
    /// <summary>What the names of everything begin with that a look makes. QEMU talks to one client at a time, so what is there already was left by one that was killed.</summary>
    public const string Owner = RunningSource.Prefix + "check";

    private readonly string owner;
    private readonly WorkDirectory sockets = new();
    private readonly IRunningMachine machine;
    private PointInTime? point;
    private ScratchWatch? scratch;
    private string scratchDirectory = string.Empty;

    private RunningPoint(IRunningMachine machine, string owner) => (this.machine, this.owner) = (machine, owner);

    /// <summary>Takes it.</summary>
    /// <param name="source">The machine.</param>
    /// <param name="servers">The servers of vSphere; null where there are none.</param>
    /// <param name="ownDirectory">Where what the guest overwrites meanwhile is kept aside.</param>
    /// <param name="owner">What the names of everything begin with that a migration makes there; null where somebody only looks. A server of vSphere has many clients, and what one made is not another's.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<RunningPoint> TakeAsync(SourceMachine source, Func<string, VSphereAccess>? servers, string ownDirectory, string? owner, CancellationToken cancel)
    {
        var taken = new RunningPoint(await RunningSource.ConnectAsync(source.RunningName!, servers, cancel), !RunningSource.IsVSphere(source.RunningName!) ? Owner : owner is null ? $"{Owner}-{Guid.NewGuid():N}" : $"{owner}-check");
        try
        {
            await taken.machine.RemoveAsync(taken.owner, keepBitmaps: false, cancel);
            var now = await taken.machine.DisksAsync(cancel);
            IReadOnlyList<FrozenDisk> disks = [.. WarmChain.Next(source.Machine.Disks, now, [], useTracker: false).Select(d => new FrozenDisk(d.Key, d.Node, d.LengthBytes, []))];
            taken.scratchDirectory = taken.machine.ScratchDirectory(null, ownDirectory);
            await taken.machine.RemoveScratchAsync(taken.scratchDirectory, taken.owner, cancel);
            if (!ScratchWatch.HasRoom(taken.machine, await taken.machine.FreeBytesAsync(taken.scratchDirectory, cancel))) throw await taken.ScratchFullAsync(cancel);
            taken.scratch = new ScratchWatch(taken.machine, taken.scratchDirectory);
            taken.point = await taken.machine.FreezeAsync(taken.owner, null, disks, taken.scratchDirectory, taken.sockets.Path, cancel);
            return taken;
        }
        catch
        {
            await taken.DisposeAsync();
            throw;
        }
    }

    /// <summary>Cancelled when what the guest overwrites takes too much room: whoever looks must come to an end.</summary>
    public CancellationToken LowSpace => scratch!.Low;

    /// <summary>That there is too little room for what the guest overwrites, or why nobody knows.</summary>
    public async Task<SealiftException> ScratchFullAsync(CancellationToken cancel) => scratch?.NotMeasured ?? MigrationErrors.ScratchFull(machine.RoomOf(scratchDirectory), await machine.FreeBytesAsync(scratchDirectory, cancel));

    /// <inheritdoc cref="PointInTime.ExportAsync"/>
    public Task<NbdUri> ExportAsync(string key, CancellationToken cancel) => point!.ExportAsync(key, cancel);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            try
            {
                if (scratch is not null) await scratch.DisposeAsync();
            }
            finally
            {
                if (point is not null) await point.DisposeAsync();
            }
        }
        finally
        {
            await machine.DisposeAsync();
            sockets.Dispose();
        }
    }
}
