using System.Globalization;

namespace Sealift.Bench.Copies;

/// <summary>What the figures were measured on, and with what.</summary>
internal static class Machine
{
    private static readonly string[] FlagsThatMatter = ["sha_ni", "ssse3", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "aes", "vaes"];

    /// <summary>Whether the processor has what sealift's sixteen hashes at once need.</summary>
    public static bool HasAvx512 { get; } = new[] { "avx512f", "avx512bw", "avx512dq", "avx512vl" }.All(Flags().Contains);

    /// <summary>A table, in Markdown.</summary>
    public static async Task<string> DescribeAsync(Clock clock, string load, IReadOnlyList<string> packages, CancellationToken cancel)
    {
        var flags = Flags();
        async Task<string> SaidAsync(string line) => (await clock.RunAsync(line, cancel)).Trim().ReplaceLineEndings(", ");
        var memory = Field("/proc/meminfo", "MemTotal").Split(' ')[0];
        var rows = new (string What, string Value)[]
        {
            ("date", DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)),
            ("processor", $"{Field("/proc/cpuinfo", "model name")}, {Environment.ProcessorCount} of them"),
            ("its flags that matter", string.Join(' ', FlagsThatMatter.Where(flags.Contains))),
            ("memory", $"{(long.Parse(memory, CultureInfo.InvariantCulture) / 1024.0 / 1024).ToString("F1", CultureInfo.InvariantCulture)} GiB"),
            ("load when it began", load),
            ("kernel", await SaidAsync("uname -srm")),
            ("file system of the data", await SaidAsync("findmnt -n -o FSTYPE,OPTIONS -T . | tr -s ' '")),
            ("system", await SaidAsync(". /etc/os-release; echo \"$PRETTY_NAME\"")),
            ("sealift", await SaidAsync("sealift --version")),
            // One that is not installed is not listed, and the rows that need it have failed.
            ("packages", await SaidAsync($"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {string.Join(' ', packages)} 2>/dev/null || :")),
        };
        return $"| | |\n|---|---|\n{string.Concat(rows.Select(r => $"| {r.What} | {r.Value} |\n"))}";
    }

    /// <summary>The averages of the load, as the kernel says them.</summary>
    public static string Load() => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ').Take(3));

    private static HashSet<string> Flags() => [.. Field("/proc/cpuinfo", "flags").Split(' ')];

    private static string Field(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? string.Empty;
}
