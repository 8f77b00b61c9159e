using System.Buffers.Binary;
using System.Globalization;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>What kind of file a path is.</summary>
public enum FileKind
{
    /// <summary>A regular file.</summary>
    Regular,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link (only from <see cref="FileFacts.OfPath"/> without following).</summary>
    SymbolicLink,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A socket, pipe, character device or anything else.</summary>
    Other,
}

/// <summary>Size, kind and identity of a file; statx(2). Two equal values mean the same unchanged file.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="AllocatedBytes">The space that it takes on its file system.</param>
/// <param name="Device">The device number of the file system that holds it.</param>
/// <param name="Inode">Its inode number.</param>
/// <param name="ModifiedNanoseconds">Time of the last change of content, in nanoseconds since 1970.</param>
/// <param name="Permissions">Permission bits.</param>
/// <param name="BornNanoseconds">
/// When it was created, in nanoseconds since 1970: an inode number is given to a new file as soon as the old one is gone, its time of
/// birth is not. 0 where the file system keeps none.
/// </param>
/// <param name="NodeDevice">The device that a device node stands for; 0 for anything else.</param>
/// <param name="PreferredBytes">The unit that its file system prefers for I/O, and mostly allocates by.</param>
public sealed record FileFacts(FileKind Kind, long LengthBytes, long AllocatedBytes, ulong Device, ulong Inode, long ModifiedNanoseconds, int Permissions, long BornNanoseconds, ulong NodeDevice, long PreferredBytes)
{
    private const int AtFdcwd = -100, AtEmptyPath = 0x1000, AtSymlinkNofollow = 0x100;
    private const uint BasicStats = 0x7ff, BirthTime = 0x800;
    private const int StatxBytes = 256; // struct statx, statx(2): the same on every architecture

    /// <summary>The number of the user who owns it.</summary>
    public uint Owner { get; init; }

    /// <summary>A device number as the kernel writes it: <c>MAJOR:MINOR</c>.</summary>
    public static string NumberOf(ulong device) => string.Create(CultureInfo.InvariantCulture, $"{device >> 32}:{device & uint.MaxValue}");

    /// <summary>The facts of a path.</summary>
    /// <param name="path">The path.</param>
    /// <param name="followLinks">Whether a symbolic link at the end is followed.</param>
    /// <exception cref="PosixException">The kernel refused; <see cref="Errno.ENOENT"/> where there is no such file.</exception>
    public static FileFacts OfPath(string path, bool followLinks = true) => Read(AtFdcwd, path, followLinks ? 0 : AtSymlinkNofollow, path);

    /// <summary>
    /// When anything of a file was changed last, its content or what is told of it, in nanoseconds since 1970. No system call sets it, as
    /// one sets the time of modification.
    /// </summary>
    /// <exception cref="PosixException">The kernel refused; <see cref="Errno.ENOENT"/> where there is no such file.</exception>
    public static unsafe long StatusChangedNanoseconds(string path)
    {
        var raw = stackalloc byte[StatxBytes];
        Read(AtFdcwd, path, 0, path, raw);
        return NanosecondsAt(new ReadOnlySpan<byte>(raw, StatxBytes)[0x60..]);
    }

    /// <summary>The facts of a path without following a link at its end, or null where nothing is there.</summary>
    public static FileFacts? OfPathIfExists(string path)
    {
        try
        {
            return OfPath(path, followLinks: false);
        }
        catch (PosixException e) when (SystemCalls.Statx.Answers.ContainsKey(e.Errno))
        {
            return null; // "nothing is there" is this method's answer, not an error
        }
    }

    internal static FileFacts OfDescriptor(int fd, string path) => Read(fd, string.Empty, AtEmptyPath, path);

    private static unsafe FileFacts Read(int directory, string path, int flags, string name)
    {
        var raw = stackalloc byte[StatxBytes];
        Read(directory, path, flags, name, raw);
        var s = new ReadOnlySpan<byte>(raw, StatxBytes);
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(s[0x1c..]);
        var hasBirthTime = (BinaryPrimitives.ReadUInt32LittleEndian(s) & BirthTime) != 0;
        return new FileFacts(
            (mode & 0xF000) switch { 0x8000 => FileKind.Regular, 0x4000 => FileKind.Directory, 0xA000 => FileKind.SymbolicLink, 0x6000 => FileKind.BlockDevice, _ => FileKind.Other },
            BinaryPrimitives.ReadInt64LittleEndian(s[0x28..]),
            BinaryPrimitives.ReadInt64LittleEndian(s[0x30..]) * 512,
            DeviceAt(s[0x88..]),
            BinaryPrimitives.ReadUInt64LittleEndian(s[0x20..]),
            NanosecondsAt(s[0x70..]),
            mode & 0xFFF,
            hasBirthTime ? NanosecondsAt(s[0x50..]) : 0,
            DeviceAt(s[0x80..]),
            BinaryPrimitives.ReadUInt32LittleEndian(s[4..]))
        {
            Owner = BinaryPrimitives.ReadUInt32LittleEndian(s[0x14..]),
        };
    }

    private static unsafe void Read(int directory, string path, int flags, string name, byte* into)
    {
        for (var failures = 0; Libc.Statx(directory, path, flags, BasicStats | BirthTime, into) != 0; failures++) SystemCalls.Statx.RepeatOrThrow(failures, name);
    }

    // struct statx_timestamp: seconds in eight bytes, nanoseconds in four.
    private static long NanosecondsAt(ReadOnlySpan<byte> time) => (BinaryPrimitives.ReadInt64LittleEndian(time) * 1_000_000_000) + BinaryPrimitives.ReadUInt32LittleEndian(time[8..]);

    private static ulong DeviceAt(ReadOnlySpan<byte> numbers) => ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(numbers) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(numbers[4..]);
}
