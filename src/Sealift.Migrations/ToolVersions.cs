using System.Reflection;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>The programs that a migration needs, and what they say of their versions.</summary>
internal static class ToolVersions
{
    public static IReadOnlyList<(string Tool, string Package)> Needed(MigrationRequest request)
    {
        var needed = new List<(string, string)> { ("qemu-img", "qemu-utils"), ("qemu-nbd", "qemu-utils") };
        if (request.Check) needed.Add(("guestfish", "guestfish"));
        if (request.Convert) needed.Add(("virt-v2v-in-place", "virt-v2v"));
        if (request.Target.Libvirt is not null) needed.Add(("virsh", "libvirt-clients"));
        if (request.BootCheck.IsAskedFor()) needed.Add(("qemu-system-x86_64", "qemu-system-x86"));
        return needed;
    }

    /// <summary>Asks each by <c>--version</c>.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> MeasureAsync(MigrationRequest request, CancellationToken cancel)
    {
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tool, _) in Needed(request))
        {
            var result = await ChildProcess.RunAsync(new ChildCommand(tool, "--version") { Deadline = TimeSpan.FromSeconds(60) }, cancel);
            var line = result.Output.Split('\n', 2)[0].Trim();
            // As in "qemu-img version 7.2.22 (Debian …)", "/usr/bin/qemu-nbd 7.2.22": the name is known, and where it lies says nothing.
            var words = line.Split(' ').SkipWhile(w => !w.Any(char.IsAsciiDigit) || w.EndsWith(tool, StringComparison.Ordinal)).ToArray();
            if (words.Length > 0) line = string.Join(' ', words);
            versions[tool] = line.Length > 120 ? line[..120] : line;
        }

        return versions;
    }

    public static string Sealift => typeof(ToolVersions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>As <c>uname -sr</c> prints it; proc(5).</summary>
    public static string Kernel => $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}";
}
