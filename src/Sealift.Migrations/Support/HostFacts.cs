using System.Collections;
using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Migrations.Support;

/// <summary>What a migration's outcome may depend on at its host: kernel, processor, memory, limits, file systems. As they are now, not as they were.</summary>
internal static class HostFacts
{
    /// <summary>The variables that steer Sealift and its tools. Values of others are never told, only how many there are.</summary>
    private static readonly string[] Variables =
    [
        "HOME", "LANG", "LC_ALL", "LIBGUESTFS_BACKEND", "LIBGUESTFS_CACHEDIR", "LIBGUESTFS_DEBUG", "LIBGUESTFS_HV", "LIBGUESTFS_MEMSIZE", "LIBGUESTFS_PATH", "LIBGUESTFS_TMPDIR", "LIBGUESTFS_TRACE",
        "LIBVIRT_DEFAULT_URI", "LOGNAME", "OVMF_CODE", "OVMF_VARS", "PATH", "SEALIFT_STATE", "SHELL", "SUPERMIN_KERNEL", "SUPERMIN_KERNEL_VERSION", "SUPERMIN_MODULES", "TERM", "TMPDIR", "TZ", "USER", "VIRTIO_WIN", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
    ];

    private static readonly (string Path, int LimitBytes)[] Files =
    [
        ("/proc/version", 4096), ("/proc/cmdline", 4096), ("/etc/os-release", 8192), ("/proc/meminfo", 8192), ("/proc/self/limits", 8192), ("/proc/self/cgroup", 4096), ("/sys/fs/cgroup/memory.max", 256), ("/sys/fs/cgroup/cpu.max", 256),
        ("/proc/sys/fs/file-max", 256), ("/proc/sys/fs/nr_open", 256), ("/proc/sys/vm/overcommit_memory", 256), ("/proc/loadavg", 256), ("/sys/module/kvm_intel/parameters/nested", 256), ("/sys/module/kvm_amd/parameters/nested", 256),
    ];

    /// <summary>As text.</summary>
    /// <param name="directories">The directories whose file systems matter, each with what it is.</param>
    public static string Text(IReadOnlyList<(string What, string Path)> directories)
    {
        var text = new StringBuilder();
        Line(text, $"sealift {ToolVersions.Sealift}");
        Line(text, $"kernel {ToolVersions.Kernel}");
        Line(text, $"runtime {Environment.Version}, {System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier}");
        Line(text, $"processors {Environment.ProcessorCount}");
        Processor(text);
        foreach (var (what, path) in directories) FileSystem(text, what, path);
        Environs(text);
        foreach (var (path, limit) in Files)
        {
            Line(text, $"\n== {path}");
            Line(text, Head(path, limit).TrimEnd());
        }

        return text.ToString();
    }

    private static void Processor(StringBuilder text)
    {
        var seen = new HashSet<string>();
        foreach (var line in Head("/proc/cpuinfo", 64 << 10).Split('\n'))
        {
            // Of the first processor: the others are of its kind.
            var name = line.Split(':', 2)[0].Trim();
            if (name is "vendor_id" or "model name" or "cpu family" or "model" or "stepping" or "microcode" or "flags" or "Features" or "bugs" && seen.Add(name)) Line(text, $"processor {line.Replace("\t", string.Empty, StringComparison.Ordinal)}");
        }
    }

    private static void FileSystem(StringBuilder text, string what, string path)
    {
        Line(text, $"\n== the file system of {what} ({path})");
        var existing = path;
        while (existing.Length > 1 && !Directory.Exists(existing)) existing = Path.GetDirectoryName(existing) ?? "/";
        if (existing != path) Line(text, $"not there; this is about {existing}");
        try
        {
            var kind = FileSystemKind.Of(existing);
            Line(text, $"{kind.Name}, blocks of {kind.BlockBytes} bytes, {PosixPath.FreeBytes(existing)} bytes free");
        }
        catch (PosixException e)
        {
            Line(text, e.Message);
        }

        if (MountOf(existing) is { } mount) Line(text, $"mounted: {mount}");
    }

    /// <summary>The line of /proc/self/mountinfo (proc(5)) of the mount that holds a path: the last one of the longest mount point.</summary>
    private static string? MountOf(string path)
    {
        string? best = null;
        var length = -1;
        foreach (var line in Head("/proc/self/mountinfo", 1 << 20).Split('\n'))
        {
            var fields = line.Split(' ');
            if (fields.Length < 7) continue;
            var point = fields[4].Replace("\\040", " ", StringComparison.Ordinal);
            var holds = point == "/" || path == point || path.StartsWith(point + "/", StringComparison.Ordinal);
            if (!holds || point.Length < length) continue;
            (best, length) = (line, point.Length);
        }

        return best;
    }

    private static void Environs(StringBuilder text)
    {
        Line(text, "\n== environment");
        foreach (var name in Variables)
            if (Environment.GetEnvironmentVariable(name) is { } value) Line(text, $"{name}={(value.Length > 1024 ? value[..1024] + "…" : value)}");
        var others = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Count(v => !Variables.Contains(v.Key));
        Line(text, $"(and {others} variables that are not told)");
    }

    private static string Head(string path, int limitBytes)
    {
        try
        {
            // Files of the kernel's have no length; they are read to their end.
            using var file = PosixFile.Open(path, OpenMode.Read);
            var bytes = new byte[limitBytes];
            var count = file.ReadAt(bytes, 0);
            return Encoding.UTF8.GetString(bytes, 0, count);
        }
        catch (PosixException e)
        {
            return $"({e.Said})";
        }
    }

    private static void Line(StringBuilder text, string line) => text.Append(CultureInfo.InvariantCulture, $"{line}\n");
}
