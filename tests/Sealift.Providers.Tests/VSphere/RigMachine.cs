using Sealift.Disks;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>A vCenter of the rig with a machine whose one disk has a content that is known.</summary>
internal sealed class RigMachine : IAsyncDisposable
{
    public const int LengthBytes = (4 << 20) + 512; // no multiple of a block, or of what one call reads

    private readonly TemporaryDirectory folder = new();

    private RigMachine(VCenter server, VSphereClient client, ManagedReference machine) => (Server, Client, Machine) = (server, client, machine);

    public VCenter Server { get; }

    public VSphereClient Client { get; }

    public ManagedReference Machine { get; }

    public string WorkDirectory => folder.Path;

    /// <summary>What the guest sees now.</summary>
    public byte[] Content { get; private set; } = [];

    public int Key { get; private set; }

    public VSphereAccess Access => new("rig", Server.Options) { Vddk = new VddkOptions { LibraryDirectory = folder.Path } };

    public static async Task<RigMachine> StartAsync(CancellationToken cancel)
    {
        VCenter.UseLibraryStandIn();
        var server = await VCenter.StartAsync(cancel, machines: 1);
        try
        {
            var client = await server.ConnectAsync(cancel);
            var machine = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", cancel) ?? throw new InvalidOperationException("there is no machine");
            var rig = new RigMachine(server, client, machine) { Key = (await client.MachineAsync(machine, cancel)).Devices.Disks.Single().Key, Content = new byte[LengthBytes] };
            new Random(7).NextBytes(rig.Content.AsSpan(0, 1_300_000));
            new Random(8).NextBytes(rig.Content.AsSpan(LengthBytes - 700));
            await File.WriteAllBytesAsync(rig.folder.File("content"), rig.Content, cancel);
            await server.FillDiskAsync(machine, rig.Key, rig.folder.File("content"), cancel);
            return rig;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes as the guest.</summary>
    public async Task WriteAsync(long offset, byte[] bytes, CancellationToken cancel)
    {
        bytes.CopyTo(Content.AsSpan((int)offset));
        using var file = File.OpenHandle(await Server.DiskPathAsync(Machine, Key, cancel), FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, bytes, offset);
    }

    public async Task<VSphereDiskPoint> SnapshotAsync(string name, CancellationToken cancel)
    {
        var snapshot = (await Client.MakeSnapshotAsync(Machine, name, string.Empty, quiesce: false, cancel)).Snapshot;
        return new VSphereDiskPoint(Machine, "vm", IsOff: false, snapshot, (await Client.SnapshotDisksAsync(snapshot, cancel)).Single());
    }

    public async Task<VSphereDiskPoint> OffAsync(CancellationToken cancel)
    {
        await Client.PowerOffAsync(Machine, cancel);
        return new VSphereDiskPoint(Machine, "vm", IsOff: true, null, (await Client.MachineAsync(Machine, cancel)).Devices.Disks.Single());
    }

    /// <summary>All bytes, in reads of a size that fits nothing.</summary>
    public static async Task<byte[]> ReadAllAsync(IDiskReader disk, CancellationToken cancel, int piece = 1_500_001)
    {
        var bytes = new byte[disk.LengthBytes];
        for (var at = 0; at < bytes.Length; at += piece) await disk.ReadAsync(at, bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)), cancel);
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
        folder.Dispose();
    }
}
