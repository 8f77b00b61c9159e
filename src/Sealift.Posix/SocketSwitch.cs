using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// Ends a connection that a library reads from and does not let go of: a second descriptor of its socket, so that whatever the library has
/// closed meanwhile, no other file that was given the number is hit. It may be used from any thread.
/// </summary>
public sealed class SocketSwitch : IDisposable
{
    private readonly PosixHandle handle;
    private readonly string name;
    private readonly Lock alone = new();
    private bool isClosed;

    private SocketSwitch(PosixHandle handle, string name) => (this.handle, this.name) = (handle, name);

    /// <summary>A switch for a socket; fcntl(2) F_DUPFD_CLOEXEC.</summary>
    /// <param name="descriptor">The library's descriptor, which stays its own.</param>
    /// <param name="name">What errors call the connection.</param>
    /// <exception cref="PosixException">There are no more descriptors, or it is none.</exception>
    public static SocketSwitch Of(int descriptor, string name)
    {
        const int DupfdCloexec = 1030, LowestFree = 3;
        var theirs = new PosixHandle(descriptor);
        try
        {
            var fd = Libc.Fcntl(theirs, DupfdCloexec, LowestFree);
            return fd >= 0 ? new SocketSwitch(new PosixHandle(fd), name) : throw PosixFile.Failed(SystemCalls.DuplicateDescriptor.Name, name);
        }
        finally
        {
            _ = theirs.Release(); // it was never ours to close
        }
    }

    /// <summary>Ends the connection in both directions; shutdown(2). Whoever reads from it is told that it has ended. After <see cref="Dispose"/> nothing happens.</summary>
    /// <exception cref="PosixException">The kernel refused.</exception>
    public void ShutDown()
    {
        const int BothWays = 2;
        lock (alone)
        {
            if (!isClosed && Libc.Shutdown(handle, BothWays) != 0) _ = SystemCalls.Shutdown.AnswerOrThrow(name); // its one answer: it is not connected any more
        }
    }

    /// <summary>Closes the second descriptor. The connection goes on where the library goes on with it.</summary>
    /// <exception cref="PosixException">close(2) failed.</exception>
    public void Dispose()
    {
        lock (alone)
        {
            if (isClosed) return;
            isClosed = true;
            if (handle.CloseNow() != 0) throw PosixFile.Failed(SystemCalls.Close.Name, name);
        }
    }
}
