using Sealift.Disks;
using Sealift.Guests;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>Looks into the disks of a source through read-only exports, so that nothing can be written to it.</summary>
public static class SourceExamination
{
    /// <summary>Examines a machine where it is.</summary>
    /// <param name="source">The machine; its files are measured again at the end.</param>
    /// <param name="servers">The servers of vSphere by what their user calls them; null where there are none.</param>
    /// <param name="options">Which way, where to work and how long it may take.</param>
    /// <param name="log">Receives one line for each step; null for none.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">A disk cannot be opened or read, the appliance failed, or the source changed meanwhile (SL6003).</exception>
    public static Task<GuestReport> RunAsync(SourceMachine source, Func<string, VSphereAccess>? servers, GuestOptions options, IProgress<string>? log, CancellationToken cancel) =>
        RunAsync(source, servers, options, GuestExamination.RunAsync, options?.WorkDirectory!, null, log, cancel);

    /// <param name="source">As above.</param>
    /// <param name="servers">As above.</param>
    /// <param name="options">As above.</param>
    /// <param name="examiner">What looks into the disks.</param>
    /// <param name="scratchDirectory">Where a running QEMU keeps aside what its guest overwrites meanwhile.</param>
    /// <param name="owner">What the names of everything begin with that a migration makes at its source; null where somebody only looks.</param>
    /// <param name="log">As above.</param>
    /// <param name="cancel">As above.</param>
    internal static async Task<GuestReport> RunAsync(
        SourceMachine source,
        Func<string, VSphereAccess>? servers,
        GuestOptions options,
        Func<IReadOnlyList<GuestDrive>, GuestOptions, IProgress<string>?, CancellationToken, Task<GuestReport>> examiner,
        string scratchDirectory,
        string? owner,
        IProgress<string>? log,
        CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        var exports = new List<QemuNbdServer>();
        await using var point = source.RunningName is not null ? await RunningPoint.TakeAsync(source, servers, scratchDirectory, owner, cancel) : null;
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancel, point?.LowSpace ?? CancellationToken.None);
        GuestReport report;
        try
        {
            var drives = new List<GuestDrive>();
            foreach (var disk in source.Machine.Disks)
            {
                var server = point is null
                    ? await QemuNbdServer.StartReadOnlyAsync(disk.Image, options.WorkDirectory, cancel)
                    : await QemuNbdServer.StartReadOnlyAsync(await point.ExportAsync(disk.Key, cancel), options.WorkDirectory, cancel);
                exports.Add(server);
                drives.Add(new GuestDrive(disk.Key, server.SocketPath, null, ImageFormat.Raw));
            }

            report = await examiner(drives, options, log, giveUp.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested && giveUp.IsCancellationRequested)
        {
            throw await point!.ScratchFullAsync(cancel);
        }
        finally
        {
            foreach (var server in exports) await server.DisposeAsync();
        }

        source.VerifyUnchanged();
        return report;
    }
}
