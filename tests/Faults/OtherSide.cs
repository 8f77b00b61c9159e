using Sealift.Bench.Faults;
using Sealift.Faults;
using Sealift.Posix;

[assembly: AssemblyFixture(typeof(OtherSide))]

namespace Sealift.Faults;

/// <summary>
/// What the faults of the other side stand on, where it is not a call of ours that fails but a server or a storage: the real command, a
/// disk, the library that makes storage lie, and the count of all cases.
/// </summary>
public sealed class OtherSide : IAsyncLifetime
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-sides-").FullName;
    private readonly Dictionary<Outcome, int> judged = [];
    private int made;

    /// <summary>The natively compiled command, as users get it.</summary>
    public string Sealift { get; } = Path.Combine(RigFiles.Repository, "out", "sealift");

    /// <summary>The library that makes one file of a process lie or fail; see its source.</summary>
    public string FaultyStorage => Path.Combine(directory, "faulty-storage.so");

    /// <summary>6 MiB and a sector: a boot sector, data, a hole from 2.5 to 4.5 MiB, data to the end.</summary>
    public byte[] Disk { get; } = NewDisk();

    public async ValueTask InitializeAsync()
    {
        Assert.True(File.Exists(Sealift), "out/sealift is missing: run eng/build-sealift");
        await RigFiles.BuildFaultyStorageAsync(FaultyStorage, TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(directory, recursive: true);
        int Of(Outcome outcome) => judged.GetValueOrDefault(outcome);
        if (judged.Count > 0)
            Console.WriteLine($"the other side: {judged.Values.Sum()} faults: {Of(Outcome.CleanError)} clean errors, {Of(Outcome.CorrectResult)} correct results, {Of(Outcome.Complaint)} complaints, {Of(Outcome.SilentCorruption)} silent corruptions, {Of(Outcome.Hang)} hangs");
        return ValueTask.CompletedTask;
    }

    /// <summary>A fresh directory, gone at the end of the run; short, as names of sockets are.</summary>
    public string NewDirectory() => Directory.CreateDirectory(Path.Combine(directory, $"d{Interlocked.Increment(ref made)}")).FullName;

    /// <summary>One of tests/rigs.</summary>
    public static string Script(string name) => RigFiles.PathOf(name);

    public void Count(Outcome outcome)
    {
        lock (judged) judged[outcome] = judged.GetValueOrDefault(outcome) + 1;
    }

    /// <summary>The disk as a sparse file.</summary>
    public void WriteDisk(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(Disk.Length);
        const int Hole = 5 << 19, After = 9 << 19;
        file.WriteAt(Disk.AsSpan(0, Hole), 0);
        file.WriteAt(Disk.AsSpan(After), After);
    }

    private static byte[] NewDisk()
    {
        var disk = new byte[(6 << 20) + 512];
        new Random(11).NextBytes(disk);
        disk.AsSpan(446, 64).Clear();
        (disk[510], disk[511]) = (0x55, 0xAA); // a boot sector with an empty partition table, by which a raw disk is known
        disk.AsSpan(5 << 19, 2 << 20).Clear();
        return disk;
    }
}
