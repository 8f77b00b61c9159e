using System.Runtime.CompilerServices;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>VMware's own client library, by tests/rigs/vsphere-inventory.py: nobody here wrote it.</summary>
internal static class SecondClient
{
    /// <summary>Runs it; without an action it lists the machines.</summary>
    public static async Task<string> RunAsync(VCenter server, CancellationToken cancel, params string[] action)
    {
        var script = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "rigs", "vsphere-inventory.py"));
        var command = new ChildCommand(script, [server.Address.ToString(), server.CaFile, VCenter.User, .. action]) { StandardInput = VCenter.Password + "\n", Deadline = TimeSpan.FromMinutes(2) };
        return (await ChildProcess.RunAsync(command, cancel)).Output;
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
