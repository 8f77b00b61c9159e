using System.Security.Cryptography;
using System.Text.Json;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Tests;

/// <summary>A directory of its own with small disks, a state directory and a target.</summary>
public sealed class MigrationRig : IDisposable
{
    public MigrationRig()
    {
        Root = Directory.CreateTempSubdirectory("sealift-migrations-").FullName;
        SourceDirectory = Directory.CreateDirectory(Path.Combine(Root, "source")).FullName;
        Target = Path.Combine(Root, "target");
        State = Path.Combine(Root, "state");
        First = Path.Combine(SourceDirectory, "first.raw");
        Second = Path.Combine(SourceDirectory, "second.raw");
        // Data, a hole, written zeros, data again, and a length that is no multiple of a block.
        Write(First, (3 << 20) + 1536, (0, 700_000), (2 << 20, 300_000), ((3 << 20) + 512, 1024));
        Write(Second, 1 << 20, (65536, 1000));
    }

    public string Root { get; }

    public string SourceDirectory { get; }

    public string Target { get; }

    public string State { get; }

    public string First { get; }

    public string Second { get; }

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public MigrationRequest Request => new()
    {
        Sources = [First],
        TargetDirectory = Target,
        Convert = false,
        Check = false,
        AcceptDegraded = true,
        BootCheck = BootCheck.Never, // its disks hold nothing that boots
        Overrides = new MachineOverrides { Name = "box", Cpus = 1, MemoryBytes = 256 << 20, NetworkInterfaces = [new NetworkInterface(NicModel.Virtio, "52:54:00:12:34:56", "")] },
    };

    public MigrationStore OpenStore() => new(State);

    public async Task<MigrationOutcome> StartAsync(MigrationRequest request, IMigrationObserver? observer = null)
    {
        using var store = OpenStore();
        return await MigrationRunner.StartAsync(store, request, observer ?? new Recorder(), Cancel);
    }

    /// <summary>Resumes the only migration there is.</summary>
    public async Task<MigrationOutcome> ResumeAsync(IMigrationObserver? observer = null)
    {
        using var store = OpenStore();
        return await MigrationRunner.ResumeAsync(store, store.List().Single().Id, observer ?? new Recorder(), Cancel);
    }

    public MigrationDetails Show()
    {
        using var store = OpenStore();
        return store.Show(store.List().Single().Id);
    }

    /// <summary>Digests of what is handed over and must be the same in every run, by name. The signature is not.</summary>
    public static IReadOnlyDictionary<string, string> Snapshot(string directory) => !Directory.Exists(directory)
        ? new SortedDictionary<string, string>()
        : new SortedDictionary<string, string>(Directory.EnumerateFileSystemEntries(directory).ToDictionary(
            p => Path.GetFileName(p),
            p => p.Contains(".seal.", StringComparison.Ordinal) || Directory.Exists(p) ? "-" : p.EndsWith(".blockmap", StringComparison.Ordinal) ? MapContent(p) : Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(p)))));

    // Where in the file a page lies depends on how many checkpoints there were.
    private static string MapContent(string path)
    {
        using var map = BlockMap.Open(path);
        return $"{Convert.ToHexString(map.Root())} {string.Join(' ', map.Runs().Select(r => $"{r.Count} {r.State}"))}";
    }

    public IReadOnlyDictionary<string, string> TargetSnapshot() => Snapshot(Target);

    public async Task<byte[]> DiskBytesAsync(string path, string format)
    {
        var raw = Path.Combine(Root, $"{Guid.NewGuid():N}.raw");
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", format, "-O", "raw", path, raw), Cancel);
        return await File.ReadAllBytesAsync(raw, Cancel);
    }

    public static async Task<string> ConvertSourceAsync(string source, string format)
    {
        var path = Path.ChangeExtension(source, format);
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", format, source, path), Cancel);
        return path;
    }

    /// <summary>The predicate of a seal, without checking anything.</summary>
    public static JsonElement Predicate(string sealPath)
    {
        using var envelope = JsonDocument.Parse(File.ReadAllBytes(sealPath));
        using var statement = JsonDocument.Parse(Convert.FromBase64String(envelope.RootElement.GetProperty("payload").GetString()!));
        return statement.RootElement.GetProperty("predicate").Clone();
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Write(string path, int length, params (int Offset, int Length)[] data)
    {
        var random = new Random(length);
        using var file = File.Create(path);
        file.SetLength(length);
        foreach (var (offset, count) in data)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            file.Position = offset;
            file.Write(bytes);
        }

        // An MBR with one partition, so that the image is recognisably a disk.
        var table = new byte[66];
        table[4] = 0x83;
        BitConverter.TryWriteBytes(table.AsSpan(8), 1);
        BitConverter.TryWriteBytes(table.AsSpan(12), (length / 512) - 1);
        (table[64], table[65]) = (0x55, 0xAA);
        file.Position = 446;
        file.Write(table);
    }
}

/// <summary>Keeps what it is told, and runs a hook for each event.</summary>
public sealed class Recorder(Action<MigrationEvent>? hook = null) : IMigrationObserver
{
    public List<MigrationEvent> Events { get; } = [];

    public void Report(MigrationEvent happened)
    {
        Events.Add(happened);
        hook?.Invoke(happened);
    }
}

/// <summary>Stands for the death of the process.</summary>
public sealed class SimulatedCrash : Exception;
