namespace Sealift.Bench.Copies;

/// <summary>nbdcopy with the flags that are the fastest here. All of them flush: a copy that is not on storage is none.</summary>
internal static class Nbdcopy
{
    // Its defaults are 256 KiB a request, as many threads as processors, four connections. A new file is zero already, which it need not find out.
    private static readonly string[] ForFiles = ["", " --destination-is-zero", " --destination-is-zero --request-size=1048576", " --destination-is-zero --threads=1"];

    private static readonly string[] ForServers = ["", " --request-size=1048576", " --request-size=2097152 --requests=16", " --threads=1"];

    /// <summary>Tries them on files.</summary>
    /// <returns>The command without source and target.</returns>
    public static Task<string> ForFilesAsync(Bench bench, string row, Func<string, Contestant> peer, CancellationToken cancel) => TryAsync(bench, row, ForFiles, peer, cancel);

    /// <summary>Tries them on servers.</summary>
    /// <inheritdoc cref="ForFilesAsync"/>
    public static Task<string> ForServersAsync(Bench bench, string row, Func<string, Contestant> peer, CancellationToken cancel) => TryAsync(bench, row, ForServers, peer, cancel);

    private static async Task<string> TryAsync(Bench bench, string row, string[] flags, Func<string, Contestant> peer, CancellationToken cancel)
    {
        var sides = flags.Select(f => (Command: $"nbdcopy --flush{f}", Side: peer($"nbdcopy --flush{f}"))).ToList();
        var fastest = await bench.FastestAsync(row, [.. sides.Select(s => s.Side)], cancel);
        return sides.Single(s => s.Side.Line == fastest.Line).Command;
    }
}
