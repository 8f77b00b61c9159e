using Sealift.Providers;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Migrations.Tests.VSphere;

/// <summary>A machine of the rig's vCenter with one disk, of which every byte is known.</summary>
internal sealed class RigMachine : IAsyncDisposable
{
    public const string Place = "DC0/vm/DC0_C0_RP0_VM0";

    private readonly Random random = new(23);
    private readonly string directory;

    private RigMachine(VCenter server, VSphereClient client, ManagedReference machine, int key, byte[] content, string directory) =>
        (Server, Client, Machine, Key, Content, this.directory) = (server, client, machine, key, content, directory);

    public VCenter Server { get; }

    public VSphereClient Client { get; }

    public ManagedReference Machine { get; }

    public int Key { get; }

    /// <summary>What the guest sees.</summary>
    public byte[] Content { get; private set; }

    public static async Task<RigMachine> StartAsync(string directory, int lengthBytes, CancellationToken cancel)
    {
        VCenter.UseLibraryStandIn();
        var server = await VCenter.StartAsync(cancel, machines: 1);
        try
        {
            var client = await server.ConnectAsync(cancel);
            var machine = await client.FindByInventoryPathAsync(Place, cancel) ?? throw new InvalidOperationException("there is no machine");
            var content = new byte[lengthBytes];
            new Random(7).NextBytes(content.AsSpan(0, lengthBytes / 3));
            (content[510], content[511]) = (0x55, 0xAA);
            var file = Path.Combine(directory, "content");
            await File.WriteAllBytesAsync(file, content, cancel);
            var key = (await client.MachineAsync(machine, cancel)).Devices.Disks.Single().Key;
            await server.FillDiskAsync(machine, key, file, cancel);
            return new RigMachine(server, client, machine, key, content, directory);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether there is a library of VMware's.</summary>
    public bool HasLibrary { get; set; } = true;

    public VSphereAccess Access(string name) => name == "rig"
        ? new VSphereAccess("rig", Server.Options) { Vddk = HasLibrary ? new VddkOptions { LibraryDirectory = directory } : null }
        : throw new InvalidOperationException($"there is no server {name}");

    /// <summary>Makes the disk longer; what is new reads as zeros.</summary>
    public async Task ResizeAsync(int lengthBytes, CancellationToken cancel)
    {
        await Server.ResizeDiskAsync(Machine, Key, lengthBytes, cancel);
        Content = [.. Content, .. new byte[lengthBytes - Content.Length]];
    }

    /// <summary>Writes as the guest.</summary>
    public async Task WriteAsync(long offset, byte[] bytes, CancellationToken cancel)
    {
        bytes.CopyTo(Content.AsSpan((int)offset));
        using var file = File.OpenHandle(await Server.DiskPathAsync(Machine, Key, cancel), FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, bytes, offset);
    }

    public async Task WriteSomewhereAsync(int writes, CancellationToken cancel)
    {
        for (var i = 0; i < writes; i++)
        {
            var bytes = new byte[random.Next(1, 9000)];
            random.NextBytes(bytes);
            await WriteAsync(random.Next(512, Content.Length - bytes.Length), bytes, cancel);
        }
    }

    public async Task<IReadOnlyList<string>> SnapshotsAsync(CancellationToken cancel) => [.. (await Client.SnapshotsAsync(Machine, cancel)).SelectMany(s => s.All()).Select(s => s.Name)];

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}
