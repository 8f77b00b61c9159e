using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>A software RAID 1 over two disks with superblocks of version 1.2; md(4), and the kernel's include/uapi/linux/raid/md_p.h. No root, no kernel, always the same bytes.</summary>
internal static class MdArray
{
    private const int Members = 2;

    /// <summary>Where the superblock is.</summary>
    public const int SuperblockAt = 4096;

    /// <summary>How many bytes of it are in use: the fixed part, and one role for each member.</summary>
    public const int SuperblockBytes = 256 + (Members * 2);

    /// <summary>Where the array's content begins on each member.</summary>
    public const int DataAt = 1 << 20;

    /// <summary>Makes it of what the array is to hold.</summary>
    /// <param name="disks">Two files that do not exist yet.</param>
    /// <param name="number">Makes the identities.</param>
    /// <param name="name">The array's name.</param>
    /// <param name="content">The file that is to be the array, whole MiB long.</param>
    public static void Make(IReadOnlyList<string> disks, int number, string name, string content)
    {
        using var inside = PosixFile.Open(content, OpenMode.Read);
        var length = inside.Facts().LengthBytes;
        var buffer = new byte[1 << 20];
        for (var i = 0; i < Members; i++)
        {
            using var disk = PosixFile.Open(disks[i], OpenMode.ReadWrite | OpenMode.CreateNew);
            disk.SetLength(DataAt + length);
            disk.WriteAt(Superblock(number, name, i, length), SuperblockAt);
            for (var at = 0L; at < length; at += buffer.Length)
            {
                inside.ReadExactlyAt(buffer, at);
                if (buffer.AsSpan().ContainsAnyExcept((byte)0)) disk.WriteAt(buffer, DataAt + at);
            }
        }
    }

    /// <summary>Its checksum, which does not count itself.</summary>
    public static uint Checksum(ReadOnlySpan<byte> superblock)
    {
        ulong sum = 0;
        for (var at = 0; at + 4 <= SuperblockBytes; at += 4) sum += at == 216 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(superblock[at..]);
        return (uint)((sum & uint.MaxValue) + (sum >> 32));
    }

    private static byte[] Superblock(int number, string name, int member, long lengthBytes)
    {
        var block = new byte[4096];
        void U32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(at), value);
        void U64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(block.AsSpan(at), value);
        void Id(int at, int what) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"zoo{number:d8}-{what:d4}")).CopyTo(block, at);
        U32(0, 0xA92B4EFC);
        U32(4, 1);
        Id(16, 0);
        Encoding.ASCII.GetBytes(name).CopyTo(block, 32);
        U64(64, 1700000000);
        U32(72, 1); // the level
        U64(80, (ulong)(lengthBytes / 512));
        U32(92, Members);
        U64(128, DataAt / 512);
        U64(136, (ulong)(lengthBytes / 512));
        U64(144, SuperblockAt / 512);
        U32(160, (uint)member);
        Id(168, member + 1);
        U64(192, 1700000000);
        U64(200, 17); // events
        U64(208, ulong.MaxValue); // in step
        U32(220, Members);
        for (var i = 0; i < Members; i++) BinaryPrimitives.WriteUInt16LittleEndian(block.AsSpan(256 + (i * 2)), (ushort)i);
        U32(216, Checksum(block));
        return block;
    }
}
