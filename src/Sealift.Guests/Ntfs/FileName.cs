using System.IO.Hashing;
using System.Numerics;
using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>The value of a $FILE_NAME attribute, which is the key of its entry in the parent's index too.</summary>
internal readonly ref struct FileName
{
    /// <summary>The bytes before the name.</summary>
    public const int HeaderBytes = 66;

    /// <summary>The flag for a directory, a copy of the one in the file record.</summary>
    public const uint DirectoryFlag = 0x1000_0000;

    /// <summary>Flags that no Windows has defined.</summary>
    public const uint UnknownFlags = 0xCF80_0000;

    private const uint SparseFlag = 0x200, ReparsePointFlag = 0x400, CompressedFlag = 0x800;

    // Windows allows 8 PiB.
    private const long LongestFileBytes = 1L << 56;

    private readonly ReadOnlySpan<byte> value;

    private FileName(ReadOnlySpan<byte> value) => this.value = value;

    public FileReference Parent => new(value.U64(0));

    public uint Flags => value.U32(0x38);

    public long AllocatedBytes => value.I64(0x28);

    public long DataBytes => value.I64(0x30);

    /// <summary>0 POSIX, 1 Win32, 2 DOS, 3 both.</summary>
    public byte Namespace => value[0x41];

    /// <summary>The name in UTF-16.</summary>
    public ReadOnlySpan<byte> NameBytes => value.Slice(HeaderBytes, value[0x40] * 2);

    /// <summary>The four times: created, changed, record changed, read; in 100 ns since 1601.</summary>
    public ulong Time(int which) => value.U64(8 + (which * 8));

    /// <summary>For people.</summary>
    public string Text => GuestText.Name(Encoding.Unicode.GetString(NameBytes));

    /// <summary>What a file's attribute and the directory's entry for it must have in common, as a number: parent, namespace and name.</summary>
    public ulong Agreement => XxHash3.HashToUInt64(value[0x40..(HeaderBytes + (value[0x40] * 2))], (long)Parent.Raw);

    /// <summary>
    /// What no file can be: sizes and a tag of a reparse point that come with every name, and need not be up to date. They were true
    /// once, so that they are possible.
    /// </summary>
    /// <param name="boot">The volume's geometry.</param>
    public string? Implausible(BootSector boot)
    {
        // Only a file with holes, or one whose content lies elsewhere, is longer than the volume.
        var limit = (Flags & (SparseFlag | CompressedFlag | ReparsePointFlag)) == 0 ? boot.VolumeBytes : LongestFileBytes;
        // What lies in a record is aligned to 8 bytes, and what does not takes clusters.
        var isAligned = AllocatedBytes % (AllocatedBytes < boot.RecordBytes ? 8 : boot.ClusterBytes) == 0;
        if (AllocatedBytes < 0 || AllocatedBytes > limit || DataBytes < 0 || DataBytes > limit || !isAligned) return $"says that the file has {DataBytes} bytes in {AllocatedBytes}";
        if ((Flags & UnknownFlags) != 0) return $"has the flags 0x{Flags:x8}";
        // The size of extended attributes, in the lower half, or all of a reparse point's tag, of which every one has several bits.
        var tag = value.U32(0x3C);
        if ((Flags & ReparsePointFlag) == 0 && tag > ushort.MaxValue && BitOperations.IsPow2(tag)) return $"has the tag 0x{tag:x8} and is no reparse point";
        for (var i = 0; i < 4; i++)
        {
            if (Time(i) > long.MaxValue) return $"has the time 0x{Time(i):x16}";
        }

        return null;
    }

    /// <summary>Reads it.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlySpan<byte> value, out FileName name)
    {
        name = default;
        if (value.Length < HeaderBytes) return $"has {value.Length} bytes, less than a name needs";
        if (value[0x40] == 0 || value.Length != HeaderBytes + (value[0x40] * 2)) return $"has {value.Length} bytes for a name of {value[0x40]} characters";
        if (value[0x41] > 3) return $"has a name in namespace {value[0x41]}";
        name = new FileName(value);
        for (var i = 0; i < name.NameBytes.Length; i += 2)
        {
            if (name.NameBytes.U16(i) is 0 or '/') return $"has a name with the character 0x{name.NameBytes.U16(i):x2}";
        }

        return null;
    }
}
