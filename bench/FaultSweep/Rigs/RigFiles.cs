using Sealift.Posix;

namespace Sealift.Bench.Faults.Rigs;

/// <summary>The files of tests/rigs.</summary>
public static class RigFiles
{
    private static readonly Lazy<string> Root = new(Find);

    /// <summary>The repository that this program was built in.</summary>
    public static string Repository => Root.Value;

    /// <summary>Where one of them is.</summary>
    public static string PathOf(string name) => Path.Combine(Repository, "tests", "rigs", name);

    /// <summary>Compiles the library that makes storage lie or fail for one process; tests/rigs/faulty-storage.c says how it is told to.</summary>
    public static async Task BuildFaultyStorageAsync(string path, CancellationToken cancel) =>
        _ = await ChildProcess.RunAsync(new ChildCommand("gcc", "-shared", "-fPIC", "-O1", "-o", path, PathOf("faulty-storage.c")), cancel); // its exit code is checked, and it has nothing else to say

    private static string Find()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return at;
    }
}
