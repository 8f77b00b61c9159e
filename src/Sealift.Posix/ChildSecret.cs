using System.Security.Cryptography;
using System.Text;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// A password or key that a child reads from a descriptor of its own. Everybody on the host can read arguments, and other programs of
/// the same user the environment; a descriptor is the child's alone. It is named in arguments as the tool wants it:
/// <c>fd:{secret.Descriptor}</c> for openssl(1), <c>password=-{secret.Descriptor}</c> for nbdkit(1), or <see cref="Path"/> where a file is asked for.
/// </summary>
/// <remarks>
/// The child gets it as a sealed memfd_create(2) file: it cannot be changed, blocks nobody, and a tool may measure it and read it again,
/// which a pipe does not allow. Ours is closed as soon as the child has been started.
/// </remarks>
public sealed class ChildSecret : IDisposable
{
    /// <summary>The lowest descriptor that a secret can have.</summary>
    public const int LowestDescriptor = 3;

    /// <summary>The highest descriptor that a secret can have: shells cannot name those above 9, and 9 is the guard's.</summary>
    public const int HighestDescriptor = 8;

    // Pinned: the garbage collector would move it and leave copies behind.
    private readonly byte[] content;
    private bool disposed;

    /// <summary>Takes a copy of the secret; the original is the caller's to clear.</summary>
    /// <param name="name">What it is, for people: <c>password of vcenter1</c>. Not secret.</param>
    /// <param name="descriptor">The child's descriptor, <see cref="LowestDescriptor"/> to <see cref="HighestDescriptor"/>, each only once in a command.</param>
    /// <param name="content">The bytes that the child reads, nothing added; many tools want a line feed at the end.</param>
    public ChildSecret(string name, int descriptor, ReadOnlySpan<byte> content)
        : this(name, descriptor, content.Length) => content.CopyTo(this.content);

    /// <summary>Takes a copy of the secret in UTF-8; the original is the caller's to clear.</summary>
    /// <param name="name">What it is, for people. Not secret.</param>
    /// <param name="descriptor">The child's descriptor.</param>
    /// <param name="content">The text that the child reads, nothing added.</param>
    public ChildSecret(string name, int descriptor, ReadOnlySpan<char> content)
        : this(name, descriptor, Encoding.UTF8.GetByteCount(content)) => Encoding.UTF8.GetBytes(content, this.content);

    private ChildSecret(string name, int descriptor, int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(descriptor, LowestDescriptor);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptor, HighestDescriptor);
        Name = name;
        Descriptor = descriptor;
        content = GC.AllocateUninitializedArray<byte>(lengthBytes, pinned: true);
    }

    /// <summary>What it is, for people.</summary>
    public string Name { get; }

    /// <summary>The child's descriptor.</summary>
    public int Descriptor { get; }

    /// <summary>The file by which the child itself, and nobody else, can open it: <c>/dev/fd/3</c>.</summary>
    public string Path => $"/dev/fd/{Descriptor}";

    internal ReadOnlySpan<byte> Content => content;

    /// <summary>Overwrites our copy with zeros. Children that run already keep theirs until they close it.</summary>
    public void Dispose()
    {
        disposed = true;
        CryptographicOperations.ZeroMemory(content);
    }

    /// <summary>Its name, never its content.</summary>
    public override string ToString() => Name;

    /// <summary>Puts it into a sealed file without a name; memfd_create(2). No other child inherits it.</summary>
    internal unsafe PosixHandle ToSealedFile()
    {
        const uint Cloexec = 1, AllowSealing = 2, NoexecSeal = 8;
        const int AddSeals = 1033, SealSeal = 1, SealShrink = 2, SealGrow = 4, SealWrite = 8;
        const string Subject = "a file in memory for a secret";
        ObjectDisposedException.ThrowIf(disposed, this);
        // Its name shows in /proc/PID/fd. NoexecSeal is Linux 6.3's, and may be demanded there.
        var fd = Libc.MemfdCreate("secret", Cloexec | AllowSealing | NoexecSeal);
        if (fd < 0)
        {
            _ = SystemCalls.MemoryFile.AnswerOrThrow(Subject); // its one answer: a kernel that does not know it
            fd = Libc.MemfdCreate("secret", Cloexec | AllowSealing);
            if (fd < 0) throw PosixFile.Failed(SystemCalls.MemoryFile.Name, Subject);
        }

        var file = new PosixHandle(fd);
        try
        {
            PosixFile.WriteAt(file, Subject, content, 0); // not write(2): the position stays at the start, for the child
            if (Libc.Fcntl(file, AddSeals, SealSeal | SealShrink | SealGrow | SealWrite) != 0) throw PosixFile.Failed(SystemCalls.Seal.Name, Subject);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
