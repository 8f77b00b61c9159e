using System.Runtime.InteropServices;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>What the kernel does with a signal to this process where no handler is asked; signal(7), sigaction(2).</summary>
public static unsafe class SignalDisposition
{
    private const nint Default = 0, Ignored = 1;
    private const int ActionBytes = 256; // struct sigaction takes 152; its first member is the handler

    /// <summary>
    /// A write beyond the shell's file size limit (ulimit -f; setrlimit(2)) fails with EFBIG from here on, as any other failing write
    /// does. Otherwise SIGXFSZ would end the process where it stands. Children get the default back.
    /// </summary>
    /// <exception cref="PosixException">The kernel refuses.</exception>
    public static void IgnoreFileSizeExceeded() => Set(25, "SIGXFSZ", Ignored);

    /// <summary>Where whoever started us ignored SIGCHLD, the kernel would throw away how our children end; waitid(2), "Notes".</summary>
    internal static void KeepEndsOfChildren()
    {
        const int SigChld = 17;
        var action = stackalloc byte[ActionBytes];
        NativeMemory.Clear(action, ActionBytes);
        if (Libc.Sigaction(SigChld, null, action) != 0) throw PosixFile.Failed(SystemCalls.SignalAction.Name, "SIGCHLD");
        if (*(nint*)action == Ignored) Set(SigChld, "SIGCHLD", Default);
    }

    private static void Set(int signal, string name, nint disposition)
    {
        var action = stackalloc byte[ActionBytes];
        NativeMemory.Clear(action, ActionBytes);
        *(nint*)action = disposition;
        if (Libc.Sigaction(signal, action, null) != 0) throw PosixFile.Failed(SystemCalls.SignalAction.Name, name);
    }
}
