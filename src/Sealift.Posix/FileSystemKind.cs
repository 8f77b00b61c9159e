using System.Buffers.Binary;
using System.Globalization;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>What kind of file system holds a path; statfs(2).</summary>
/// <param name="Name">What the kernel calls it, or its number in hexadecimal: <c>xfs</c>, <c>0x1234</c>. The three of the ext family have one number, and are <c>ext4</c>.</param>
/// <param name="BlockBytes">The unit that it shares blocks in, in bytes.</param>
/// <param name="IsOfServer">Whether a server has the files, and could copy them without this host.</param>
public sealed record FileSystemKind(string Name, long BlockBytes, bool IsOfServer)
{
    // linux/magic.h, and fs/*/ for those that it does not have.
    private static readonly Dictionary<uint, (string Name, bool IsOfServer)> Known = new()
    {
        [0xEF53] = ("ext4", false),
        [0x58465342] = ("xfs", false),
        [0x9123683E] = ("btrfs", false),
        [0x01021994] = ("tmpfs", false),
        [0x794C7630] = ("overlayfs", false),
        [0xF2F52010] = ("f2fs", false),
        [0xCA451A4E] = ("bcachefs", false),
        [0x2FC12FC1] = ("zfs", false),
        [0x7461636F] = ("ocfs2", false),
        [0x4D44] = ("vfat", false),
        [0x2011BAB0] = ("exfat", false),
        [0x65735546] = ("fuse", false),
        [0x6969] = ("nfs", true),
        [0xFF534D42] = ("cifs", true),
        [0xFE534D42] = ("smb2", true),
        [0x00C36400] = ("ceph", true),
    };

    /// <summary>Whether it is spoken to by SMB.</summary>
    public bool IsOfSmb => Name is "cifs" or "smb2";

    /// <summary>The one that holds a path.</summary>
    /// <exception cref="PosixException">The kernel refused.</exception>
    public static unsafe FileSystemKind Of(string path)
    {
        // struct statfs of 64-bit Linux: f_type, f_bsize, eight bytes each.
        var raw = stackalloc byte[256];
        for (var failures = 0; Libc.Statfs(path, raw) != 0; failures++) SystemCalls.Statfs.RepeatOrThrow(failures, path);
        var s = new ReadOnlySpan<byte>(raw, 256);
        var number = (uint)BinaryPrimitives.ReadUInt64LittleEndian(s);
        var (name, isOfServer) = Known.TryGetValue(number, out var known) ? known : (string.Create(CultureInfo.InvariantCulture, $"0x{number:x}"), false);
        // Of a server it is what goes in one request. What that shares blocks in it tells nobody but the kernel (RFC 7862, 12.2.2): the page
        // size mostly, and where it is more, it declines.
        var blockBytes = BinaryPrimitives.ReadInt64LittleEndian(s[8..]);
        return new FileSystemKind(name, isOfServer ? Math.Min(blockBytes, 4096) : blockBytes, isOfServer);
    }
}
