using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Ova;

/// <summary>
/// The work directory: compressed content is unpacked there, and blank disks are made there. It never takes the last space of
/// the file system, and what it created is removed again when reading the source fails.
/// </summary>
internal sealed class Unpacking(SourceOptions options)
{
    private const int ChunkBytes = 1 << 20;

    // Free space is asked for again after this much: others write to the same file system.
    private const long SpaceCheckBytes = 32L << 20;
    private const int GzipMinimumBytes = 18;

    private readonly List<string> created = [];

    public IReadOnlyList<string> Created => created;

    public static bool IsGzip(ReadOnlySpan<byte> start) => start.Length >= 3 && start[0] == 0x1f && start[1] == 0x8b && start[2] == 8;

    /// <summary>The first bytes that compressed content unpacks to, without writing anything.</summary>
    public static byte[] PeekGzip(PosixFile file, ImageLocation where, int count)
    {
        var buffer = new byte[count];
        try
        {
            using var gzip = new GZipStream(new FileRangeStream(file, where.Offset, LengthOf(file, where)), CompressionMode.Decompress);
            var n = gzip.ReadAtLeast(buffer, count, throwOnEndOfStream: false);
            return buffer[..n];
        }
        catch (InvalidDataException e)
        {
            throw ProviderErrors.BadGzip(where.ToString(), e.Message, e);
        }
    }

    /// <summary>Unpacks a gzip file (RFC 1952) of one member.</summary>
    /// <remarks>
    /// The runtime's GZipStream ends quietly where its input is cut short, and ignores what follows the end. So the CRC-32 and
    /// the length of everything that came out are compared with the last eight bytes of the file: a file that was cut, that
    /// has something behind its end, or that is several in a row does not pass.
    /// </remarks>
    public string Gunzip(ImageLocation where, string name, CancellationToken cancel)
    {
        using var source = PosixFile.Open(where.Path, OpenMode.Read);
        var packedBytes = LengthOf(source, where);
        if (packedBytes < GzipMinimumBytes) throw ProviderErrors.BadGzip(where.ToString(), $"{packedBytes} bytes are too few");
        var trailer = new byte[8];
        source.ReadExactlyAt(trailer, where.Offset + packedBytes - trailer.Length);

        var path = Reserve(name);
        using var target = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew, 0x180 /* 0600 */);
        var packed = new FileRangeStream(source, where.Offset, packedBytes);
        using var gzip = new GZipStream(packed, CompressionMode.Decompress);
        var buffer = new byte[ChunkBytes];
        var crc = new Crc32();
        long done = 0, checkedUpTo = 0;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            int n;
            try
            {
                n = gzip.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            }
            catch (InvalidDataException e)
            {
                throw ProviderErrors.BadGzip(where.ToString(), e.Message, e);
            }

            if (n == 0) break;
            if (done + n > checkedUpTo)
            {
                var free = PosixPath.FreeBytes(options.WorkDirectory);
                if (free - options.FreeSpaceReserve < SpaceCheckBytes) throw ProviderErrors.NoSpaceToUnpack(where.ToString(), options.WorkDirectory, done, free, options.FreeSpaceReserve);
                checkedUpTo = done + SpaceCheckBytes;
            }

            crc.Append(buffer.AsSpan(0, n));
            target.WriteAt(buffer.AsSpan(0, n), done);
            done += n;
            options.Progress?.Report(new DiskProgress(packed.Position, packedBytes, done));
        }

        if (crc.GetCurrentHashAsUInt32() != BinaryPrimitives.ReadUInt32LittleEndian(trailer) || (uint)done != BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(4)))
            throw ProviderErrors.BadGzip(where.ToString(), $"its last eight bytes are not the checksum and length of the {done} bytes that it unpacks to: it was cut short, something follows its end, or it is several gzip files in a row");
        target.Sync();
        target.Close();
        return path;
    }

    /// <summary>Makes a sparse file of zeros: the disk that the source describes as blank.</summary>
    public string BlankDisk(string name, long lengthBytes)
    {
        var path = Reserve(name);
        using var target = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew, 0x180 /* 0600 */);
        target.SetLength(lengthBytes);
        target.Sync();
        target.Close();
        return path;
    }

    /// <summary>Removes what was created: the source could not be used.</summary>
    public void RemoveCreated()
    {
        foreach (var path in created) _ = PosixPath.RemoveFile(path); // false: the name was reserved and the file not made yet
        created.Clear();
    }

    public static long LengthOf(PosixFile file, ImageLocation where) => where.LengthBytes ?? file.Facts().LengthBytes - where.Offset;

    private string Reserve(string name)
    {
        // Counted, so that two names that reduce to the same safe one do not meet; replaced, because only an interrupted run of
        // this same migration can have left it.
        var path = Path.Combine(options.WorkDirectory, $"unpacked-{created.Count + 1}-{SafeName.Of(name)}");
        _ = PosixPath.RemoveFile(path); // false: no such run was interrupted
        created.Add(path);
        return path;
    }
}
