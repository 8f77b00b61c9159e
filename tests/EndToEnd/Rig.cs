using Sealift.Posix;

[assembly: AssemblyFixture(typeof(Sealift.EndToEnd.Rig))]

namespace Sealift.EndToEnd;

/// <summary>What every test here stands on, built once a run: the real command, a real guest, its OVA.</summary>
public sealed class Rig : IAsyncLifetime
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-e2e-").FullName;
    private int made;

    /// <summary>The natively compiled command, as users get it.</summary>
    public string Sealift { get; } = Path.Combine(Repository(), "out", "sealift");

    /// <summary>The guest's disk: it boots from IDE, and not from virtio before it is converted.</summary>
    public string Disk => Path.Combine(directory, "tiny.raw");

    /// <summary>The same as a VMware export.</summary>
    public string Ova => Path.Combine(directory, "tiny.ova");

    /// <summary>The same with a second disk for data, which stands first in the OVF and second on the controller.</summary>
    public string TwoDiskOva => Path.Combine(directory, "two.ova");

    /// <summary>The library that makes one file of a process lie or fail; see its source.</summary>
    public string FaultyStorage => Path.Combine(directory, "faulty-storage.so");

    public async ValueTask InitializeAsync()
    {
        Assert.True(File.Exists(Sealift), "out/sealift is missing: run eng/build-sealift");
        // As /tmp is: checkers run as users who own nothing, and have to get to the partitions that they are shown.
        PosixPath.SetPermissions(directory, 0x1C9 /* 0711 */);
        await RunScriptAsync("tiny-guest.sh", Disk);
        await RunScriptAsync("tiny-ova.sh", Disk, "tiny", Ova);
        var data = Path.Combine(directory, "data.raw");
        using (var file = PosixFile.Open(data, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(64 << 20);
        await ChildProcess.RunAsync(new ChildCommand("mkfs.ext4", "-q", "-F", "-L", "data", data), TestContext.Current.CancellationToken);
        await RunScriptAsync("tiny-ova.sh", Disk, "tiny", TwoDiskOva, data);
        await ChildProcess.RunAsync(new ChildCommand("gcc", "-shared", "-fPIC", "-O1", "-o", FaultyStorage, Path.Combine(Repository(), "tests", "rigs", "faulty-storage.c")), TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>A fresh directory, gone at the end of the run.</summary>
    public string NewDirectory() => Directory.CreateDirectory(Path.Combine(directory, $"d{Interlocked.Increment(ref made)}")).FullName;

    /// <summary>Runs sealift to its end with a state directory.</summary>
    public Task<ChildResult> RunAsync(string state, IReadOnlyList<string> arguments, CancellationToken cancel) => ChildProcess.RunAsync(Command(state, arguments), cancel);

    /// <summary>The command line of sealift; any exit code is an answer here.</summary>
    public ChildCommand Command(string state, IReadOnlyList<string> arguments) => new(Sealift, [.. arguments, "--state", state])
    {
        Deadline = TimeSpan.FromMinutes(15),
        AcceptedExitCodes = [.. Enumerable.Range(0, 128)],
    };

    /// <summary>Runs one of tests/rigs.</summary>
    public static async Task RunScriptAsync(string script, params string[] arguments) =>
        await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Repository(), "tests", "rigs", script), arguments) { Deadline = TimeSpan.FromMinutes(5) }, TestContext.Current.CancellationToken);

    /// <summary>Where the scripts that build guests are.</summary>
    public static string Scripts => Path.Combine(Repository(), "tests", "rigs");

    private static string Repository()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return at;
    }
}
