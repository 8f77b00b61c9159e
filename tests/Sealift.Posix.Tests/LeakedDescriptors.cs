using System.Runtime.InteropServices;

namespace Sealift.Posix.Tests;

/// <summary>Descriptors of this process that do not close themselves in children, as a careless parent or library leaves them.</summary>
internal sealed partial class LeakedDescriptors : IDisposable
{
    private readonly List<int> taken = [];

    public LeakedDescriptors(string path, params int[] wanted)
    {
        const int Dupfd = 0; // F_DUPFD: without FD_CLOEXEC, at the first free number
        using var file = File.Create(path);
        foreach (var lowest in wanted) taken.Add(Fcntl((int)file.SafeFileHandle.DangerousGetHandle(), Dupfd, lowest));
        Assert.DoesNotContain(-1, taken);
    }

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
