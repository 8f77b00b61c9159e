using System.Runtime.InteropServices;

namespace Sealift.Posix.Tests;

/// <summary>Descriptors of this process that do not close themselves in children, as a careless parent or library leaves them.</summary>
internal sealed partial class LeakedDescriptors : IDisposable
{
    private const int Dupfd = 0; // F_DUPFD: without FD_CLOEXEC, at the first free number
    private readonly List<int> taken = [];

    public LeakedDescriptors(string path, params int[] wanted)
    {
        using var file = File.Create(path);
        foreach (var lowest in wanted) taken.Add(Fcntl((int)file.SafeFileHandle.DangerousGetHandle(), Dupfd, lowest));
        Assert.DoesNotContain(-1, taken);
    }

    private LeakedDescriptors(int fd)
    {
        taken.Add(Fcntl(fd, Dupfd, 0));
        Assert.DoesNotContain(-1, taken);
    }

    /// <summary>One more of what is open by a path already, as a child has it that is just being started.</summary>
    public static LeakedDescriptors CopyOf(string path) =>
        new(int.Parse(Path.GetFileName(Directory.EnumerateFileSystemEntries("/proc/self/fd").Single(link => new FileInfo(link).LinkTarget == path)), System.Globalization.CultureInfo.InvariantCulture));

    public void Dispose()
    {
        foreach (var fd in taken) Assert.Equal(0, Close(fd));
    }

    /// <summary>Closes standard input, output and error of this process: the next descriptors have their numbers.</summary>
    public static void CloseStreams()
    {
        for (var fd = 0; fd < 3; fd++) Assert.Equal(0, Close(fd));
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);
}
