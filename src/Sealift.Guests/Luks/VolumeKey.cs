using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.Guests.Luks;

/// <summary>The passphrase of an encrypted volume. It is nowhere but in memory, and reaches a tool by a descriptor of its own (<see cref="ChildSecret"/>).</summary>
public sealed class VolumeKey : IDisposable
{
    /// <summary>The selector that stands for every encrypted volume.</summary>
    public const string AnyVolume = "all";

    /// <summary>The longest passphrase in bytes; cryptsetup(8) itself takes 512 from a terminal.</summary>
    public const int LimitBytes = 4096;

    /// <summary>The most keys that one machine can be given.</summary>
    public const int Most = VolumeKeys.Limit;

    // Pinned: the garbage collector would move it and leave copies behind.
    private readonly byte[] passphrase;

    /// <summary>Takes a copy of a passphrase; the original is the caller's to clear.</summary>
    /// <param name="selector">The UUID of the volume, or <see cref="AnyVolume"/>.</param>
    /// <param name="passphrase">Without a line feed at its end.</param>
    /// <exception cref="SealiftException">SL5011: it is empty, too long, or has bytes that no passphrase for libguestfs may have.</exception>
    public VolumeKey(string selector, ReadOnlySpan<byte> passphrase)
    {
        if (passphrase.Length is 0 or > LimitBytes || passphrase.ContainsAny((byte)0, (byte)'\n')) throw GuestsErrors.BadKey(selector, passphrase.Length == 0 ? "it is empty" : $"it is longer than {LimitBytes} bytes, or holds a zero byte");
        Selector = selector;
        this.passphrase = GC.AllocateUninitializedArray<byte>(passphrase.Length, pinned: true);
        passphrase.CopyTo(this.passphrase);
    }

    /// <summary>Which volumes it is for. Not secret.</summary>
    public string Selector { get; }

    /// <summary>What is worth saying about where it came from; empty where nothing is.</summary>
    public string Remark { get; private init; } = string.Empty;

    /// <summary>Reads the first line of a file.</summary>
    /// <param name="selector">Which volumes it is for.</param>
    /// <param name="path">The file; a link to it is followed.</param>
    /// <exception cref="SealiftException">SL5011: it is no regular file, too long, or its first line is no passphrase; SL1xxx: it cannot be read.</exception>
    public static VolumeKey Read(string selector, string path)
    {
        // Looked at first: opening a pipe would wait for ever.
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw GuestsErrors.BadKey(path, "it is not a regular file");
        using var file = PosixFile.Open(path, OpenMode.Read);
        var facts = file.Facts();
        if (facts.Kind != FileKind.Regular || facts.LengthBytes > LimitBytes) throw GuestsErrors.BadKey(path, $"it is not a regular file of at most {LimitBytes} bytes");
        var content = GC.AllocateArray<byte>((int)facts.LengthBytes, pinned: true);
        try
        {
            file.ReadExactlyAt(content, 0);
            var end = content.AsSpan().IndexOf((byte)'\n');
            return new VolumeKey(selector, content.AsSpan(0, end < 0 ? content.Length : end)) { Remark = (facts.Permissions & 0x7 /* others */) == 0 ? string.Empty : $"{path} can be read by everybody on this host: chmod 600 it" };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    /// <summary>Whether it may open a volume.</summary>
    /// <param name="uuid">The UUID in the volume's header.</param>
    public bool IsFor(string uuid) => Selector == AnyVolume || Selector.Equals(uuid, StringComparison.OrdinalIgnoreCase);

    /// <summary>Overwrites it with zeros.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(passphrase);

    /// <summary>Which volumes it is for, never what it is.</summary>
    public override string ToString() => $"key of {Selector}";

    /// <summary>The same for a child.</summary>
    internal ChildSecret ToSecret(int descriptor) => new(ToString(), descriptor, passphrase);
}
