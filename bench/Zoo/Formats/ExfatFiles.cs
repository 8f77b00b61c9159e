using System.Buffers.Binary;
using System.Text;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>Puts a directory with files in it onto a new exFAT, for which Linux has no program that needs no mount. Microsoft's exFAT specification 1.0.</summary>
internal sealed class ExfatFiles
{
    private const int EntryBytes = 32;
    private const byte BitmapEntry = 0x81;
    private const uint End = 0xFFFFFFFF;

    private readonly PosixFile disk;
    private readonly byte[] boot = new byte[512];
    private uint next;

    private ExfatFiles(PosixFile disk)
    {
        this.disk = disk;
        disk.ReadExactlyAt(boot, 0);
    }

    private int SectorBytes => 1 << boot[108];

    /// <summary>How long a cluster is, in bytes.</summary>
    public int ClusterBytes => SectorBytes << boot[109];

    /// <summary>Where the allocation table begins.</summary>
    public long TableAt => U32(80) * (long)SectorBytes;

    /// <summary>Where the root directory begins.</summary>
    public long RootAt => At(U32(96));

    /// <summary>Where the bitmap begins.</summary>
    public long BitmapAt => At(FirstClusterOf(BitmapEntry));

    /// <summary>Where the table of capital letters begins.</summary>
    public long UpCaseAt => At(FirstClusterOf(0x82));

    /// <summary>Reads where things are.</summary>
    public static T Look<T>(string path, Func<ExfatFiles, T> look)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        return look(new ExfatFiles(file));
    }

    /// <summary>Adds them.</summary>
    /// <param name="path">A file system as mkfs.exfat makes it, with one cluster of root directory.</param>
    /// <param name="directory">The directory's name.</param>
    /// <param name="files">Files of this host.</param>
    public static void Add(string path, string directory, IEnumerable<string> files)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        var exfat = new ExfatFiles(file);
        var root = exfat.Read(exfat.RootAt, exfat.ClusterBytes);
        exfat.next = exfat.U32(96) + 1;
        var own = exfat.Store(new byte[exfat.ClusterBytes]);
        var entries = new List<byte>();
        foreach (var f in files)
        {
            var content = File.ReadAllBytes(f);
            entries.AddRange(Entry(Path.GetFileName(f), 0x20, exfat.Store(content), content.Length));
        }

        if (entries.Count > exfat.ClusterBytes) throw new InvalidOperationException("More files than one cluster of directory holds");
        file.WriteAt(entries.ToArray(), exfat.At(own));
        var free = Enumerable.Range(0, root.Length / EntryBytes).First(i => root[i * EntryBytes] == 0) * EntryBytes;
        file.WriteAt(Entry(directory, 0x10, own, exfat.ClusterBytes), exfat.RootAt + free);
    }

    /// <summary>A file, its stream and its name, with their checksum.</summary>
    private static byte[] Entry(string name, byte attributes, uint cluster, long lengthBytes)
    {
        var set = new byte[3 * EntryBytes];
        (set[0], set[1], set[4]) = (0x85, 2, attributes);
        const uint Moment = ((2023 - 1980) << 25) | (11 << 21) | (14 << 16) | (22 << 11);
        foreach (var at in new[] { 8, 12, 16 }) BinaryPrimitives.WriteUInt32LittleEndian(set.AsSpan(at), Moment);
        (set[32], set[33], set[35]) = (0xC0, 1, (byte)name.Length);
        ushort hash = 0;
        foreach (var b in Encoding.Unicode.GetBytes(name.ToUpperInvariant())) hash = (ushort)(((hash << 15) | (hash >> 1)) + b);
        BinaryPrimitives.WriteUInt16LittleEndian(set.AsSpan(36), hash);
        BinaryPrimitives.WriteInt64LittleEndian(set.AsSpan(40), lengthBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(set.AsSpan(52), cluster);
        BinaryPrimitives.WriteInt64LittleEndian(set.AsSpan(56), lengthBytes);
        set[64] = 0xC1;
        _ = Encoding.Unicode.GetBytes(name, set.AsSpan(66)); // at most 15 characters, which fit
        ushort sum = 0;
        for (var i = 0; i < set.Length; i++)
            if (i is not (2 or 3)) sum = (ushort)(((sum << 15) | (sum >> 1)) + set[i]);
        BinaryPrimitives.WriteUInt16LittleEndian(set.AsSpan(2), sum);
        return set;
    }

    /// <summary>Writes a content into the next clusters, and their chain and bits.</summary>
    private uint Store(byte[] content)
    {
        var start = next;
        var count = (uint)((content.Length + ClusterBytes - 1) / ClusterBytes);
        disk.WriteAt(content, At(start));
        var chain = new byte[count * 4];
        for (var i = 0u; i < count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(chain.AsSpan((int)i * 4), i + 1 == count ? End : start + i + 1);
            var bit = start + i - 2;
            var cell = Read(BitmapAt + (bit / 8), 1);
            cell[0] |= (byte)(1 << (int)(bit % 8));
            disk.WriteAt(cell, BitmapAt + (bit / 8));
        }

        disk.WriteAt(chain, TableAt + (start * 4L));
        next += count;
        return start;
    }

    private uint FirstClusterOf(byte type)
    {
        var root = Read(RootAt, ClusterBytes);
        var entry = Enumerable.Range(0, root.Length / EntryBytes).First(i => root[i * EntryBytes] == type) * EntryBytes;
        return BinaryPrimitives.ReadUInt32LittleEndian(root.AsSpan(entry + 20));
    }

    private long At(uint cluster) => (U32(88) * (long)SectorBytes) + ((cluster - 2L) * ClusterBytes);

    private byte[] Read(long offset, int count)
    {
        var bytes = new byte[count];
        disk.ReadExactlyAt(bytes, offset);
        return bytes;
    }

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(at));
}
