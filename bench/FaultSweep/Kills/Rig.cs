using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary>The libraries for LD_PRELOAD in tests/rigs.</summary>
public static class Rig
{
    /// <summary>Compiles one.</summary>
    /// <param name="source">Path of the C file.</param>
    /// <param name="directory">Where the library goes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>Its path.</returns>
    public static async Task<string> CompileAsync(string source, string directory, CancellationToken cancel)
    {
        var library = Path.Combine(directory, Path.GetFileNameWithoutExtension(source) + ".so");
        _ = await ChildProcess.RunAsync(new ChildCommand("gcc", "-shared", "-fPIC", "-O1", "-pthread", "-o", library, source), cancel); // its exit code is checked, and it has nothing else to say
        return library;
    }
}
