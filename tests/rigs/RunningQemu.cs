using System.Globalization;
using System.Text.Json;
using Sealift.Posix;
using Sealift.Qmp;

namespace Sealift.Rigs;

/// <summary>
/// A real QEMU without an operating system, whose disks are written through its monitor, so that a test knows every byte of them at every
/// instant, or, where they are too large for that, what was written and that nobody else writes. It has a QMP socket for Sealift and one for the test.
/// </summary>
internal sealed class RunningQemu : IAsyncDisposable
{
    private static readonly TimeSpan Ample = TimeSpan.FromMinutes(1);
    private readonly ChildProcess process;
    private readonly QmpClient monitor;
    private readonly byte[][]? models;

    private RunningQemu(ChildProcess process, QmpClient monitor, string socketPath, IReadOnlyList<string> images, byte[][]? models) =>
        (this.process, this.monitor, SocketPath, Images, this.models) = (process, monitor, socketPath, images, models);

    /// <summary>For Sealift.</summary>
    public string SocketPath { get; }

    public IReadOnlyList<string> Images { get; }

    public int Id => process.Id;

    public bool IsRunning => process.IsRunning;

    /// <summary>Bytes that it has read from files since it was started, as the kernel counts them (proc(5), rchar): all that is read of its images is in it.</summary>
    public long ReadBytes() => long.Parse(File.ReadLines($"/proc/{Id}/io").Single(l => l.StartsWith("rchar: ", StringComparison.Ordinal))[7..], CultureInfo.InvariantCulture);

    /// <summary>What the disk holds now.</summary>
    public ReadOnlySpan<byte> Model(int disk) => models![disk];

    public byte[] Snapshot(int disk) => [.. models![disk]];

    /// <summary>Starts it with empty disks.</summary>
    /// <param name="directory">Where images and sockets are made.</param>
    /// <param name="format"><c>raw</c> or <c>qcow2</c>.</param>
    /// <param name="lengths">Of the disks, in bytes.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<RunningQemu> StartAsync(string directory, string format, IReadOnlyList<int> lengths, CancellationToken cancel)
    {
        var images = new List<string>();
        foreach (var length in lengths)
        {
            images.Add(Path.Combine(directory, $"source{images.Count}.{format}"));
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "create", "-q", "-f", format, images[^1], $"{length}"), cancel); // its exit code is checked
        }

        return await StartAsync(directory, format, images, [.. lengths.Select(l => new byte[l])], cancel);
    }

    /// <summary>Starts it, or one like it, with images that are there; what they hold is given, or null where nobody asks for it.</summary>
    public static async Task<RunningQemu> StartAsync(string directory, string format, IReadOnlyList<string> images, byte[][]? models, CancellationToken cancel)
    {
        var (socket, rig) = (Path.Combine(directory, "qmp"), Path.Combine(directory, "rig"));
        foreach (var path in new[] { socket, rig }) File.Delete(path);
        var arguments = new List<string>
        {
            "-name", "guest=rig", "-machine", "pc", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none", "-no-user-config",
            "-qmp", $"unix:{socket},server=on,wait=off", "-qmp", $"unix:{rig},server=on,wait=off",
        };
        for (var i = 0; i < images.Count; i++)
            arguments.AddRange(["-blockdev", $"driver={format},node-name=src{i},discard=unmap,file.driver=file,file.filename={images[i]},file.discard=unmap", "-device", $"virtio-blk-pci,drive=src{i},id=vd{i}"]);
        var process = ChildProcess.Start(new ChildCommand("qemu-system-x86_64", [.. arguments]) { Deadline = TimeSpan.FromMinutes(10), AcceptedExitCodes = [0, 1] });
        try
        {
            return new RunningQemu(process, await ConnectAsync(process, rig, cancel), socket, images, models);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes bytes of one value, as the guest would.</summary>
    public async Task WriteAsync(int disk, long offset, int length, byte value, CancellationToken cancel)
    {
        // Quietly: nobody reads its standard output, and a full pipe would stop it.
        var said = await SayAsync($"qemu-io -d vd{disk}/virtio-backend \"write -q -P {value} {offset} {length}\"", cancel);
        if (said.Length > 0) throw new InvalidOperationException(said);
        models?[disk].AsSpan((int)offset, length).Fill(value);
    }

    /// <summary>Writes somewhere.</summary>
    public async Task WriteSomewhereAsync(Random random, CancellationToken cancel)
    {
        var disk = random.Next(models!.Length);
        var length = Math.Min(models[disk].Length, 512 * (1 << random.Next(9)));
        await WriteAsync(disk, random.Next((models[disk].Length - length) / 512) * 512, length, (byte)random.Next(1, 256), cancel);
    }

    /// <summary>Gives a disk another length; what is new reads as zeros.</summary>
    public async Task ResizeAsync(int disk, int length, CancellationToken cancel)
    {
        _ = await AskAsync("block_resize", w =>
        {
            w.WriteString("node-name", $"src{disk}");
            w.WriteNumber("size", length);
        }, cancel);
        var model = Snapshot(disk);
        Array.Resize(ref model, length);
        models![disk] = model;
    }

    /// <summary>Plugs a raw disk in while it runs.</summary>
    public async Task AddDiskAsync(string image, CancellationToken cancel)
    {
        _ = await AskAsync("blockdev-add", w =>
        {
            w.WriteString("driver", "raw");
            w.WriteString("node-name", "added");
            w.WriteStartObject("file");
            w.WriteString("driver", "file");
            w.WriteString("filename", image);
            w.WriteEndObject();
        }, cancel);
        _ = await AskAsync("device_add", w =>
        {
            w.WriteString("driver", "virtio-blk-pci");
            w.WriteString("drive", "added");
            w.WriteString("id", "vdadded");
        }, cancel);
    }

    /// <summary>Makes a tracker lie: what it has recorded so far is forgotten.</summary>
    public Task ClearBitmapAsync(int disk, string name, CancellationToken cancel) => AskAsync("block-dirty-bitmap-clear", w =>
    {
        w.WriteString("node", $"src{disk}");
        w.WriteString("name", name);
    }, cancel);

    public Task<JsonElement> AskAsync(string command, Action<Utf8JsonWriter>? arguments, CancellationToken cancel) => monitor.ExecuteAsync(command, arguments, Ample, cancel);

    /// <summary>Waits until it has ended by itself.</summary>
    public async Task EndedAsync(CancellationToken cancel) => _ = await process.WaitAsync(cancel).WaitAsync(Ample, cancel); // two exit codes are accepted

    /// <summary>Ends it as a power cut would.</summary>
    public async Task KillAsync()
    {
        process.Kill("the test wants it dead");
        try
        {
            _ = await process.WaitAsync(CancellationToken.None); // whatever it ends with
        }
        catch (ChildException)
        {
            // It was killed: that is what was asked for.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await monitor.DisposeAsync();
        await KillAsync();
        await process.DisposeAsync();
    }

    private async Task<string> SayAsync(string line, CancellationToken cancel) => (await AskAsync("human-monitor-command", w => w.WriteString("command-line", line), cancel)).ToString();

    private static async Task<QmpClient> ConnectAsync(ChildProcess process, string socket, CancellationToken cancel)
    {
        // QEMU makes its sockets as it starts.
        for (var left = 1000; ; left--)
        {
            try
            {
                return await QmpClient.ConnectAsync(socket, static (_, _) => { }, Ample, cancel);
            }
            catch (QmpException) when (left > 0 && process.IsRunning)
            {
                await Task.Delay(10, cancel);
            }
        }
    }
}
