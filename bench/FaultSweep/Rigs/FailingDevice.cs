using Sealift.Posix;

namespace Sealift.Bench.Faults.Rigs;

/// <summary>A real block device whose writes the kernel itself cannot store while a flag file is there; see tests/rigs/failing-device.sh.</summary>
public sealed class FailingDevice : IAsyncDisposable
{
    /// <summary>Enough for the disk and for what a migration wants to have free besides; most of it is never written.</summary>
    public const long LengthBytes = 256 << 20;

    private readonly Nbdkit server;
    private readonly ChildProcess device;
    private readonly string flag;

    private FailingDevice(Nbdkit server, ChildProcess device, string flag, string node, string id, string point, string stored)
    {
        (this.server, this.device, this.flag) = (server, device, flag);
        (Node, Point, View, Stored, Inside) = (node, point, $"/proc/{id}/root{point}", stored, ["nsenter", "--target", id, "--mount", "--"]);
    }

    /// <summary>The device's node.</summary>
    public string Node { get; }

    /// <summary>Its file system's root as everybody sees it, where there is one.</summary>
    public string View { get; }

    /// <summary>The same where it is mounted.</summary>
    public string Point { get; }

    /// <inheritdoc cref="MountedFileSystem.Inside"/>
    public IReadOnlyList<string> Inside { get; }

    /// <summary>The file that the server below stores everything in.</summary>
    public string Stored { get; }

    /// <summary>Makes it.</summary>
    /// <param name="folder">Where it may make files.</param>
    /// <param name="mounted">Whether it has a file system.</param>
    /// <param name="faults">What its storage does while it fails.</param>
    public static async Task<FailingDevice> StartAsync(string folder, bool mounted, params string[] faults)
    {
        var (stored, flag, socket, point) = (Path.Combine(folder, "stored"), Path.Combine(folder, "fails"), Path.Combine(folder, "s"), Path.Combine(folder, "m"));
        await using (var file = File.Create(stored)) file.SetLength(LengthBytes);
        var server = await Nbdkit.FaultyAsync(socket, stored, [$"while={flag}", .. faults.Select(f => $"fault={f}")]);
        var device = ChildProcess.Start(
            new ChildCommand(RigFiles.PathOf("failing-device.sh"), [Path.Combine(folder, "fuse"), socket, .. mounted ? (string[])[point] : []]) { StartsOthers = true, Deadline = TimeSpan.FromMinutes(5) });
        var ready = await device.ReadLineAsync(CancellationToken.None /* it ends, or it has a deadline */);
        if (ready?.Split(' ') is not [var node, var id])
        {
            await device.DisposeAsync();
            await server.DisposeAsync();
            throw new InvalidOperationException($"no device came of failing-device.sh: {ready} {device.ErrorTail}");
        }

        return new FailingDevice(server, device, flag, node, id, point, stored);
    }

    /// <summary>From now on its storage fails, or no longer.</summary>
    public void Fails(bool fails)
    {
        if (fails) File.WriteAllText(flag, string.Empty);
        else File.Delete(flag);
    }

    /// <summary>Has everything written back that the kernel still keeps of a device, or lost, and its pages dropped: what is stored then is what was ever stored.</summary>
    public async Task SettleAsync() =>
        _ = await ChildProcess.RunAsync(new ChildCommand("blockdev", "--flushbufs", Node) { AcceptedExitCodes = [0, 1] }, CancellationToken.None); // 1: writeback fails, as it is meant to

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Fails(false);
        device.EndInput();
        var exitCode = await device.WaitAsync(CancellationToken.None); // it has a deadline
        await server.DisposeAsync();
        var words = device.ErrorTail;
        await device.DisposeAsync();
        if (exitCode != 0) throw new InvalidOperationException($"failing-device.sh ended with exit code {exitCode}: {words}");
        var left = (await ChildProcess.RunAsync(new ChildCommand("losetup", "-l"), CancellationToken.None)).Output;
        if (left.Contains(Path.GetDirectoryName(Stored)! + "/", StringComparison.Ordinal)) throw new InvalidOperationException($"the loop device was left behind: {left}");
    }
}
