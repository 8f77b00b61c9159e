using System.Buffers.Binary;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The bytes of one image file, or of a member of a container, as parsers read them: bounded, and with names for errors.</summary>
internal sealed class ImageBytes : IDisposable
{
    private readonly PosixFile file;
    private readonly long start;

    private ImageBytes(PosixFile file, ImageLocation location, FileFacts facts, long lengthBytes)
    {
        this.file = file;
        Location = location;
        start = location.Offset;
        Facts = facts;
        LengthBytes = lengthBytes;
    }

    /// <summary>Where they are.</summary>
    public ImageLocation Location { get; }

    /// <summary>The facts of the open file (the container where it is a member).</summary>
    public FileFacts Facts { get; }

    /// <summary>The length of the image's bytes.</summary>
    public long LengthBytes { get; }

    /// <summary>How errors name it.</summary>
    public string Name => Location.ToString();

    /// <summary>Opens it read-only. Pipes, directories and devices that are no block devices are refused before they are opened.</summary>
    public static ImageBytes Open(ImageLocation location)
    {
        Demand(location, FileFacts.OfPath(location.Path));
        var file = PosixFile.Open(location.Path, OpenMode.Read);
        try
        {
            var facts = file.Facts();
            Demand(location, facts);
            var available = facts.LengthBytes - location.Offset;
            if (location.Offset < 0 || available < 0 || location.LengthBytes is < 0 || location.LengthBytes > available)
                throw ImageErrors.Truncated(location.ToString(), "member of the container", EndOf(location), facts.LengthBytes);
            return new ImageBytes(file, location, facts, location.LengthBytes ?? available);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads up to the whole buffer; less only at the end of the image.</summary>
    public int Read(Span<byte> buffer, long offset)
    {
        if (offset < 0 || offset >= LengthBytes) return 0;
        // Up to the length that is known, less than asked for is no end: taken for one, a format would be missed, and a fixed VHD
        // be copied as a raw disk with its footer.
        var within = buffer[..(int)Math.Min(buffer.Length, LengthBytes - offset)];
        file.ReadExactlyAt(within, start + offset);
        return within.Length;
    }

    /// <summary>Reads all of the buffer, or throws SL4002 with the field's name.</summary>
    public void Read(Span<byte> buffer, long offset, string field)
    {
        Demand(offset, buffer.Length, field);
        file.ReadExactlyAt(buffer, start + offset);
    }

    /// <summary>Throws SL4002 where a range is not within the image. Neither value may be negative.</summary>
    public void Demand(long offset, long lengthBytes, string field)
    {
        if (offset < 0 || lengthBytes < 0 || offset > LengthBytes || lengthBytes > LengthBytes - offset)
            throw ImageErrors.Truncated(Name, $"{field} at offset {offset}", unchecked(offset + lengthBytes), LengthBytes);
    }

    /// <summary>Throws where a disk's length is no positive multiple of 512 or is over 64 TiB.</summary>
    public void DemandDiskLength(ulong lengthBytes, string field, long offset)
    {
        if (lengthBytes > ImageProbe.MaximumDiskBytes) throw ImageErrors.TooLarge(Name, field, offset, $"the disk would be {lengthBytes} bytes long");
        if (lengthBytes == 0 || lengthBytes % 512 != 0) throw ImageErrors.NotWholeSectors(Name, $"{field} at offset {offset}", (long)lengthBytes);
    }

    /// <summary>An error about a field of this image.</summary>
    public SealiftException Invalid(string field, long offset, string said) => ImageErrors.Invalid(Name, field, offset, said);

    /// <summary>Reads a table of any size in pieces and hands out each entry with its index. Memory stays at one piece.</summary>
    /// <param name="offset">Where the table starts.</param>
    /// <param name="count">How many entries it has.</param>
    /// <param name="entryBytes">4 or 8.</param>
    /// <param name="bigEndian">The byte order.</param>
    /// <param name="field">Its name for errors.</param>
    /// <param name="cancel">Looked at before each piece.</param>
    public IEnumerable<(long Index, ulong Value)> Table(long offset, long count, int entryBytes, bool bigEndian, string field, CancellationToken cancel)
    {
        Demand(offset, checked(count * entryBytes), field);
        var piece = new byte[(int)Math.Min(64 << 10, Math.Max(entryBytes, count * entryBytes))];
        for (long done = 0; done < count;)
        {
            cancel.ThrowIfCancellationRequested();
            var entries = (int)Math.Min(piece.Length / entryBytes, count - done);
            Read(piece.AsSpan(0, entries * entryBytes), offset + (done * entryBytes), field);
            for (var i = 0; i < entries; i++)
            {
                var entry = piece.AsSpan(i * entryBytes, entryBytes);
                yield return (done + i, (entryBytes, bigEndian) switch
                {
                    (4, true) => BinaryPrimitives.ReadUInt32BigEndian(entry),
                    (4, false) => BinaryPrimitives.ReadUInt32LittleEndian(entry),
                    (_, true) => BinaryPrimitives.ReadUInt64BigEndian(entry),
                    _ => BinaryPrimitives.ReadUInt64LittleEndian(entry),
                });
            }

            done += entries;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static long EndOf(ImageLocation location) => unchecked(location.Offset + (location.LengthBytes ?? 0));

    private static void Demand(ImageLocation location, FileFacts facts)
    {
        if (facts.Kind is not (FileKind.Regular or FileKind.BlockDevice))
            throw ImageErrors.NotAFile(location.ToString(), $"it is a {(facts.Kind == FileKind.Directory ? "directory" : "pipe, socket or character device")}", "Give a regular file or a block device");
    }
}
