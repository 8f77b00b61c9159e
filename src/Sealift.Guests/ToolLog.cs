using System.Text;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>The file that keeps what the tools said. It stops growing at a limit and says so; a failed write is reported when it is closed.</summary>
internal sealed class ToolLog : IDisposable
{
    // A verbose conversion of a full Debian writes about 2 MiB; a hostile disk can make a checker write without end.
    private const long LimitBytes = 64L << 20;

    private readonly PosixFile file;
    private readonly Lock mutex = new();
    private readonly Queue<string> tail = new();
    private long lengthBytes;
    private SealiftException? failure;
    private bool closed;

    public ToolLog(string path)
    {
        Path = path;
        _ = PosixPath.RemoveFile(path); // false: no earlier run left one
        file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew | OpenMode.NoFollow, 0x180 /* 0600: it may quote what is in the guest */);
    }

    public string Path { get; }

    /// <summary>The last lines that say something: what an error quotes.</summary>
    public string LastWords
    {
        get
        {
            lock (mutex) return GuestText.Finding(string.Join('\n', tail));
        }
    }

    /// <summary>Another tool begins: what was said before are not its last words.</summary>
    public void BeginTool()
    {
        lock (mutex) tail.Clear();
    }

    public void Add(string line)
    {
        lock (mutex)
        {
            // libguestfs reports its own bookkeeping line by line; none of it is anybody's last words.
            if (line.Length > 0 && !line.StartsWith("guestfsd: ", StringComparison.Ordinal) && !line.StartsWith("commandrvf: ", StringComparison.Ordinal))
            {
                tail.Enqueue(line.Length <= 300 ? line : line[..300] + "…");
                if (tail.Count > 12) tail.Dequeue();
            }

            if (failure is not null || closed || lengthBytes > LimitBytes) return;
            var bytes = Encoding.UTF8.GetBytes(line + "\n");
            if (lengthBytes + bytes.Length > LimitBytes) bytes = Encoding.UTF8.GetBytes($"(the log is cut here: it reached {LimitBytes} bytes)\n");
            try
            {
                file.WriteAt(bytes, lengthBytes);
                lengthBytes += bytes.Length;
                if (lengthBytes + 64 > LimitBytes) lengthBytes = LimitBytes + 1;
            }
            catch (SealiftException e)
            {
                failure = e; // thrown by ThrowIfLost: here we are on the thread that drains the child's pipe
            }
        }
    }

    /// <summary>Throws where a line could not be written.</summary>
    public void ThrowIfLost()
    {
        lock (mutex)
        {
            if (failure is not null) throw failure;
        }
    }

    public void Dispose()
    {
        lock (mutex)
        {
            if (closed) return;
            closed = true;
            file.Close();
        }
    }
}
