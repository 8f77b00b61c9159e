using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// The three standard streams of a child, and the lifeline that a guard reads: its other end is ours alone, so its end of file means
/// that this process is dead. Every descriptor closes itself in whatever else is executed.
/// </summary>
/// <remarks>
/// Our ends are pipe streams, which the runtime waits for by epoll(7): a child that is silent holds no thread.
/// </remarks>
internal sealed class ChildPipes : IDisposable
{
    private readonly List<PosixHandle> childsEnds = [];
    private readonly List<(PosixHandle From, int To)> descriptors = [];
    private readonly PosixHandle? lifeline;

    public ChildPipes(ChildCommand command)
    {
        try
        {
            Input = new AnonymousPipeClientStream(PipeDirection.Out, Ours(0, childReads: true));
            Output = new AnonymousPipeClientStream(PipeDirection.In, Ours(1, childReads: false));
            Error = new AnonymousPipeClientStream(PipeDirection.In, Ours(2, childReads: false));
            foreach (var secret in command.Secrets)
            {
                if (descriptors.Exists(d => d.To == secret.Descriptor)) throw new ArgumentException($"Two secrets have descriptor {secret.Descriptor}", nameof(command));
                using var file = secret.ToSealedFile();
                Give(OutOfTheWay(file), secret.Descriptor);
            }

            if (!command.StartsOthers) return;
            var (read, write) = Pipe();
            lifeline = write;
            Give(read, ChildGuard.LifelineDescriptor);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Its standard input.</summary>
    public AnonymousPipeClientStream Input { get; } = null!;

    /// <summary>Its standard output.</summary>
    public AnonymousPipeClientStream Output { get; } = null!;

    /// <summary>Its standard error.</summary>
    public AnonymousPipeClientStream Error { get; } = null!;

    /// <summary>What the child has: our descriptor, which is never one of those that the child's are numbered by, and the child's.</summary>
    public IReadOnlyList<(PosixHandle From, int To)> Descriptors => descriptors;

    /// <summary>Once it runs: only then does the end of a stream mean that nobody writes to it any more.</summary>
    public void CloseChildsEnds()
    {
        foreach (var end in childsEnds) end.Dispose();
    }

    public void Dispose()
    {
        CloseChildsEnds();
        Input?.Dispose();
        Output?.Dispose();
        Error?.Dispose();
        lifeline?.Dispose();
    }

    private SafePipeHandle Ours(int childs, bool childReads)
    {
        var (read, write) = Pipe();
        Give(childReads ? read : write, childs);
        using var ours = childReads ? write : read;
        return new SafePipeHandle(ours.Release(), ownsHandle: true);
    }

    private void Give(PosixHandle end, int to)
    {
        childsEnds.Add(end);
        descriptors.Add((end, to));
    }

    private static unsafe (PosixHandle Read, PosixHandle Write) Pipe()
    {
        const int Cloexec = 0x80000;
        var ends = stackalloc int[2];
        if (Libc.Pipe2(ends, Cloexec) != 0) throw PosixFile.Failed(SystemCalls.Pipe.Name, "a pipe to a child");
        using var read = new PosixHandle(ends[0]);
        using var write = new PosixHandle(ends[1]);
        var moved = OutOfTheWay(read);
        try
        {
            return (moved, OutOfTheWay(write));
        }
        catch
        {
            moved.Dispose();
            throw;
        }
    }

    /// <summary>A copy above 9: where our own standard input is closed, a new descriptor may be 0, and the child's would be put over it.</summary>
    private static PosixHandle OutOfTheWay(PosixHandle end)
    {
        const int DupfdCloexec = 1030;
        var fd = Libc.Fcntl(end, DupfdCloexec, ChildSpawn.LowestFreeDescriptor);
        return fd >= 0 ? new PosixHandle(fd) : throw PosixFile.Failed(SystemCalls.DuplicateDescriptor.Name, "a descriptor for a child");
    }
}
