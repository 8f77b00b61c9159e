using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sealift.Guests.Direct;

/// <summary>The superblock of a member of a Linux software RAID: versions 0.90, 1.0, 1.1 and 1.2; the kernel's include/uapi/linux/raid/md_p.h.</summary>
internal sealed class MdSuperblock
{
    private const uint Magic = 0xA92B4EFC;
    private const int BlockBytes = 4096;

    private MdSuperblock(Guid array, string name, int level, int disks, int activeDisks, bool isSound)
    {
        (Array, Level, Disks, ActiveDisks, IsSound) = (array, level, disks, activeDisks, isSound);
        Probe = new() { ["ID_FS_TYPE"] = "linux_raid_member", ["ID_FS_UUID_ENC"] = array.ToString("D") };
        if (name.Length > 0) ContentProbe.Label(Probe, Encoding.UTF8.GetBytes(name));
    }

    /// <summary>What identifies the array; its members share it.</summary>
    public Guid Array { get; }

    /// <summary>The RAID level; -1 linear, -4 multipath.</summary>
    public int Level { get; }

    /// <summary>How many members the array is made for.</summary>
    public int Disks { get; }

    /// <summary>How many of them this member believes to be in use.</summary>
    public int ActiveDisks { get; }

    /// <summary>Whether the superblock matches its checksum.</summary>
    public bool IsSound { get; }

    /// <summary>By blkid's names.</summary>
    public Dictionary<string, string> Probe { get; }

    /// <summary>Where those that stand near the end of a device would be: 0.90 in the last 64 KiB block but one, 1.0 about 8 KiB before it.</summary>
    public static IEnumerable<long> PlacesAtEnd(long lengthBytes)
    {
        if (lengthBytes >= 1 << 17) yield return (lengthBytes & ~0xFFFFL) - 0x10000;
        if (lengthBytes >= 1 << 14) yield return ((lengthBytes / 512) - 16 & ~7L) * 512;
    }

    /// <summary>Every place where one may be.</summary>
    public static IEnumerable<long> Places(long lengthBytes) => PlacesAtEnd(lengthBytes).Concat([0, 4096]);

    /// <summary>Reads one, or gives null where there is none that says that it belongs here.</summary>
    /// <param name="block">4096 bytes.</param>
    /// <param name="at">Where they were, in bytes from the start of the device.</param>
    public static MdSuperblock? Parse(ReadOnlySpan<byte> block, long at)
    {
        if (block.Length < BlockBytes || U32(block, 0) != Magic) return null;
        return U32(block, 4) switch
        {
            0 when at % 0x10000 == 0 && at > 0 => ParseOld(block),
            1 when (long)BinaryPrimitives.ReadUInt64LittleEndian(block[144..]) * 512 == at => ParseNew(block),
            _ => null,
        };
    }

    private static MdSuperblock ParseOld(ReadOnlySpan<byte> block)
    {
        ulong sum = 0;
        for (var at = 0; at < BlockBytes; at += 4) sum += at == 152 ? 0 : U32(block, at);
        var uuid = new byte[16];
        for (var i = 0; i < 4; i++) block.Slice((i == 0 ? 5 : 12 + i) * 4, 4).CopyTo(uuid.AsSpan(i * 4));
        return new MdSuperblock(new Guid(uuid, bigEndian: true), string.Empty, (int)U32(block, 28), (int)U32(block, 40), (int)U32(block, 34 * 4), Fold(sum) == U32(block, 152));
    }

    private static MdSuperblock ParseNew(ReadOnlySpan<byte> block)
    {
        var roles = U32(block, 220);
        var length = 256 + ((long)roles * 2);
        // One that does not fit into its block cannot be summed up: 1920 members are possible.
        var isSound = length <= BlockBytes;
        var active = 0;
        if (isSound)
        {
            ulong sum = 0;
            for (var at = 0; at + 4 <= length; at += 4) sum += at == 216 ? 0 : U32(block, at);
            if (length % 4 == 2) sum += BinaryPrimitives.ReadUInt16LittleEndian(block[(int)(length - 2)..]);
            isSound = Fold(sum) == U32(block, 216);
            for (var i = 0; i < roles; i++)
                if (BinaryPrimitives.ReadUInt16LittleEndian(block[(256 + (i * 2))..]) < 0xFFFD) active++;
        }

        var name = block.Slice(32, 32);
        var end = name.IndexOf((byte)0);
        return new MdSuperblock(new Guid(block.Slice(16, 16), bigEndian: true), Encoding.UTF8.GetString(end < 0 ? name : name[..end]), (int)U32(block, 72), (int)Math.Min(U32(block, 92), int.MaxValue), active, isSound);
    }

    private static uint Fold(ulong sum) => (uint)((sum & uint.MaxValue) + (sum >> 32));

    private static uint U32(ReadOnlySpan<byte> block, int at) => BinaryPrimitives.ReadUInt32LittleEndian(block[at..]);

    /// <summary>For people.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"RAID {Level} of {Disks}");
}
