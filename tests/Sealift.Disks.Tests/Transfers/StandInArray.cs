using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>
/// A stand-in for an array: units that are files of a folder, with an EXTENDED COPY that is a copy_file_range, so that it fails and lies as
/// that is made to. All above the transport is what a real array meets.
/// </summary>
internal sealed class StandInArray(string folder)
{
    public const int BlockBytes = 512;
    public const int SegmentBytes = 1 << 20;

    /// <summary>Answers in place of the array where it gives something: the unit's file, the command, what it sends.</summary>
    public Func<string, ScsiCommand, ReadOnlyMemory<byte>, ScsiReply?>? Instead { get; set; }

    /// <summary>Another name than that of its own, by file.</summary>
    public Dictionary<string, string> Names { get; } = [];

    /// <summary>All commands, as the unit's file and the operation code.</summary>
    public List<(string File, byte Code)> Commands { get; } = [];

    /// <summary>What a unit says of its blocks from one on: how many each, and their status. Null: it does not know GET LBA STATUS.</summary>
    public Func<string, long, IReadOnlyList<(long Block, long Blocks, byte Status)>>? Status { get; set; }

    /// <summary>The byte of READ CAPACITY(16) that says whether it is thin (80h), and whether what has no space reads as zeros (40h).</summary>
    public byte Thin { get; set; } = 0xC0;

    /// <summary>The byte of page B2h that says the same (04h).</summary>
    public byte Provisioning { get; set; } = 0xE4;

    public int MaximumSegments { get; init; } = 1;

    public int Sessions { get; init; } = 2;

    /// <summary>Its copies by LID4, and the page that tells of them. Null: it knows LID1 alone, and has no such page.</summary>
    public StandInCopies? Lid4 { get; init; }

    /// <summary>Whether it says what its copies can do where it is asked by a command, and not in the page alone.</summary>
    public bool TellsParameters { get; init; } = true;

    public TimeSpan ReplyDeadline { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan LongDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The units for the source and the target of a run.</summary>
    public (ScsiPlace?, ScsiPlace?) Pair() => (Place("source"), Place("target"));

    public ScsiPlace Place(string file) => new($"iscsi://array/iqn.2026-01.invalid.stand-in:{file}/1", "array", new IscsiOptions { Sessions = Sessions, ReplyDeadline = ReplyDeadline, LongDeadline = LongDeadline }, _ => Task.FromResult<IScsiTransport>(new Unit(this, Path.Combine(folder, file))));

    public static ScsiReply Check(byte key, byte asc, byte ascq) => new(ScsiStatus.CheckCondition, 0, new byte[] { 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0 });

    /// <summary>What the file system says of a unit's file, from a block on.</summary>
    public static IReadOnlyList<(long Block, long Blocks, byte Status)> Honest(string path, long block)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        var (runs, end) = (new List<(long, long, byte)>(), file.Facts().LengthBytes);
        for (var at = block * BlockBytes; at < end && runs.Count < 3;)
        {
            var data = file.SeekData(at) is >= 0 and var found ? found : end;
            var next = data > at ? data : file.SeekHole(at);
            runs.Add((at / BlockBytes, (next - at) / BlockBytes, (byte)(data > at ? 1 : 0)));
            at = next;
        }

        return runs;
    }

    private byte[] Naa(string path)
    {
        var name = SHA256.HashData(Encoding.UTF8.GetBytes(Names.GetValueOrDefault(Path.GetFileName(path), path)))[..16];
        name[0] = (byte)(0x60 | (name[0] & 0xF));
        return name;
    }

    private sealed class Unit : IScsiTransport
    {
        private readonly StandInArray array;
        private readonly string path;

        public Unit(StandInArray array, string path)
        {
            (this.array, this.path) = (array, path);
            if (File.Exists(path)) return;
            // The target of a run: as long as its source.
            using var made = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
            made.SetLength(FileFacts.OfPath(Path.Combine(Path.GetDirectoryName(path)!, "source")).LengthBytes);
        }

        public ScsiReply Execute(ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            lock (array.Commands) array.Commands.Add((Path.GetFileName(path), command.OperationCode));
            if (array.Instead?.Invoke(Path.GetFileName(path), command, output) is { } instead) return instead;
            return Safely(() => Answer(command.Cdb.Span, output.Span, input.Span));
        }

        public void Dispose()
        {
        }

        /// <summary>What the file system says, as a unit says it.</summary>
        private static ScsiReply Safely(Func<ScsiReply> answer)
        {
            try
            {
                return answer();
            }
            catch (PosixException e)
            {
                return e.Errno switch
                {
                    Errno.ENOSPC or Errno.EDQUOT => Check(ScsiSense.DataProtect, 0x27, 0x07),
                    Errno.EIO => Check(ScsiSense.MediumError, 0x0C, 0x00),
                    _ => Check(ScsiSense.CopyAborted, 0x0D, 0x01),
                };
            }
        }

        private ScsiReply Answer(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> output, Span<byte> input)
        {
            switch (cdb[0])
            {
                case 0x00:
                    return ScsiReply.Good();
                case 0x12:
                    return Give(Inquiry(cdb[1] == 1 ? cdb[2] : null), input);
                case 0x9E when cdb[1] == 0x10:
                    var capacity = new byte[32];
                    BinaryPrimitives.WriteUInt64BigEndian(capacity, (ulong)(FileFacts.OfPath(path).LengthBytes / BlockBytes) - 1);
                    BinaryPrimitives.WriteUInt32BigEndian(capacity.AsSpan(8), BlockBytes);
                    capacity[14] = array.Thin;
                    return Give(capacity, input);
                case 0x9E when cdb[1] == 0x12 && array.Status is { } status:
                    var runs = status(path, (long)BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]));
                    var told = new byte[8 + (16 * runs.Count)];
                    BinaryPrimitives.WriteInt32BigEndian(told, told.Length - 4);
                    foreach (var (i, run) in runs.Index())
                    {
                        BinaryPrimitives.WriteInt64BigEndian(told.AsSpan(8 + (16 * i)), run.Block);
                        BinaryPrimitives.WriteUInt32BigEndian(told.AsSpan(16 + (16 * i)), (uint)run.Blocks);
                        told[20 + (16 * i)] = run.Status;
                    }

                    return Give(told, input);
                case 0x5A:
                    return Give([0, 6, 0, 0x10, 0, 0, 0, 0], input);
                case 0x5E:
                    return Give(new byte[8], input);
                case 0x84 when cdb[1] == 0x05 && array.Lid4 is { } copies:
                    return copies.Status(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..])) is { } status4 ? Give(status4, input) : Check(ScsiSense.IllegalRequest, 0x24, 0);
                case 0x83 when cdb[1] == 0x1C && array.Lid4 is { } copies:
                    return copies.Abort(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..])) ? ScsiReply.Good() : Check(ScsiSense.IllegalRequest, 0x24, 0);
                case 0x83 when cdb[1] == 0x01 && array.Lid4 is { } copies:
                    return copies.Begin(output, (devices, segment) => Safely(() => Copy(devices, segment)));
                case 0x84 when cdb[1] == 0x03 && array.TellsParameters:
                    var ability = new byte[46];
                    ability[3] = 42;
                    ability[4] = 1;
                    ability[9] = 2;
                    ability[11] = (byte)array.MaximumSegments;
                    BinaryPrimitives.WriteUInt32BigEndian(ability.AsSpan(12), 4096);
                    BinaryPrimitives.WriteUInt32BigEndian(ability.AsSpan(16), SegmentBytes);
                    ability[37] = 9;
                    ability[43] = 2;
                    ability[44] = CopyAbility.BlockToBlock;
                    ability[45] = CopyAbility.Identification;
                    return Give(ability, input);
                case 0x88:
                    using (var file = PosixFile.Open(path, OpenMode.Read)) file.ReadExactlyAt(input, Offset(cdb));
                    return ScsiReply.Good(input.Length);
                case 0x8A:
                    using (var file = PosixFile.Open(path, OpenMode.ReadWrite)) file.WriteAt(output, Offset(cdb));
                    return ScsiReply.Good();
                case 0x93:
                    using (var file = PosixFile.Open(path, OpenMode.ReadWrite))
                        return file.TryPunchHole(Offset(cdb), Bytes(cdb)) ? ScsiReply.Good() : Check(ScsiSense.IllegalRequest, 0x20, 0);
                case 0x91:
                    using (var file = PosixFile.Open(path, OpenMode.ReadWrite)) file.Sync();
                    return ScsiReply.Good();
                case 0x83 when cdb[1] == 0x00:
                    return Copy(output.Slice(16, 64), output[80..]);
                default:
                    return Check(ScsiSense.IllegalRequest, 0x20, 0);
            }
        }

        private ScsiReply Copy(ReadOnlySpan<byte> devices, ReadOnlySpan<byte> segments)
        {
            var (from, to) = (Find(devices[..32]), Find(devices[32..]));
            if (from is null || to != path) return Check(ScsiSense.CopyAborted, 0x0D, 0x02);
            using var source = PosixFile.Open(from, OpenMode.Read);
            using var target = PosixFile.Open(to, OpenMode.ReadWrite);
            for (var at = 0; at < segments.Length; at += 28)
            {
                var segment = segments.Slice(at, 28);
                long length = BinaryPrimitives.ReadUInt16BigEndian(segment[10..]) * BlockBytes, done = 0;
                if (length > SegmentBytes) return Check(ScsiSense.IllegalRequest, 0x26, 0x0A);
                while (done < length)
                {
                    var copied = target.CopyRange(source, ((long)BinaryPrimitives.ReadUInt64BigEndian(segment[12..]) * BlockBytes) + done, length - done, ((long)BinaryPrimitives.ReadUInt64BigEndian(segment[20..]) * BlockBytes) + done, out var declined);
                    if (declined is not null || copied == 0) return Check(ScsiSense.CopyAborted, 0x0D, 0x01);
                    done += copied;
                }
            }

            return ScsiReply.Good();
        }

        private string? Find(ReadOnlySpan<byte> device)
        {
            foreach (var candidate in Directory.EnumerateFiles(Path.GetDirectoryName(path)!))
                if (device.Slice(8, device[7]).SequenceEqual(array.Naa(candidate))) return candidate;
            return null;
        }

        private byte[] Inquiry(byte? page)
        {
            switch (page)
            {
                case null:
                    var standard = new byte[36];
                    standard[5] = 0x08;
                    Encoding.ASCII.GetBytes("RIG     STAND-IN        1   ").CopyTo(standard, 8);
                    return standard;
                case 0x00:
                    return array.Lid4 is null ? [0, 0, 0, 4, 0x00, 0x80, 0x83, 0xB2] : [0, 0, 0, 5, 0x00, 0x80, 0x83, 0x8F, 0xB2];
                case 0x80:
                    return [0, 0x80, 0, 4, .. "0001"u8];
                case 0x83:
                    return [0, 0x83, 0, 20, 0x01, 0x03, 0, 16, .. array.Naa(path)];
                case 0x8F when array.Lid4 is { } copies:
                    return copies.Page(array.MaximumSegments, SegmentBytes);
                default:
                    return [0, page.Value, 0, 4, 0, array.Provisioning, 0, 0];
            }
        }

        private static ScsiReply Give(ReadOnlySpan<byte> data, Span<byte> input)
        {
            var bytes = Math.Min(data.Length, input.Length);
            data[..bytes].CopyTo(input);
            return ScsiReply.Good(bytes);
        }

        private static long Offset(ReadOnlySpan<byte> cdb) => (long)BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]) * BlockBytes;

        private static long Bytes(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) * BlockBytes;
    }
}
