using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>A directory for what the tools leave lying about when they are killed; removed with everything in it.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    private readonly List<string> strays = [];

    public ScratchDirectory(string workDirectory)
    {
        // virt-v2v puts Unix sockets below TMPDIR and a socket's path may have 107 bytes (unix(7)); its own part takes about 30.
        var parent = System.Text.Encoding.UTF8.GetByteCount(workDirectory) <= 56 ? workDirectory : System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(parent, "guest." + Guid.NewGuid().ToString("N")[..12]);
        PosixPath.CreateDirectory(Path, 0x1C0 /* 0700 */);
    }

    public string Path { get; }

    /// <summary>Takes note of the socket directory that libguestfs makes below /tmp for root, whatever TMPDIR says.</summary>
    public void NoticeStray(string line)
    {
        const string Prefix = "/tmp/libguestfs", Socket = "/guestfsd.sock";
        var start = line.IndexOf(Prefix, StringComparison.Ordinal);
        if (start < 0 || strays.Count > 0 || !line.AsSpan(start + Prefix.Length).Contains(Socket, StringComparison.Ordinal)) return;
        var name = line.AsSpan(start + Prefix.Length, line.IndexOf(Socket, start, StringComparison.Ordinal) - start - Prefix.Length);
        if (name.Length == 6 && name.IndexOf('/') < 0 && name.IndexOf('.') < 0) strays.Add(string.Concat(Prefix, name));
    }

    public void Dispose()
    {
        foreach (var stray in strays.Where(Directory.Exists)) PosixTree.Remove(stray);
        PosixTree.Remove(Path);
    }
}
