using System.Buffers.Binary;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>
/// The copies that a stand-in for an array makes by EXTENDED COPY(LID4): SPC-4, 6.3, 6.5 and 6.24. One in the background goes on by a
/// segment whenever it is asked about, so that a test knows where it is.
/// </summary>
internal sealed class StandInCopies
{
    private readonly Dictionary<uint, Job> jobs = [];

    /// <summary>The service actions that page 8Fh lists, of 83h and of 84h.</summary>
    public (byte[] Copies, byte[] Questions) Lists { get; set; } = ([0x00, 0x01, 0x1C], [0x03, 0x05]);

    /// <summary>Changes what is told of a copy: which it is, how many segments of how many it has processed, what it would say.</summary>
    public Func<uint, (int Done, int All), byte[], byte[]?>? Tells { get; set; }

    /// <summary>Whether a copy that is told to abort does.</summary>
    public bool Aborts { get; set; } = true;

    /// <summary>Whether it says that it copied, and does not.</summary>
    public bool Pretends { get; set; }

    /// <summary>Whether copies in the background do not get on.</summary>
    public bool Stalls { get; set; }

    /// <summary>Every copy that began in the background, in order, with how it ended: null where it has not.</summary>
    public List<(uint Id, byte? Ended)> Begun { get; } = [];

    /// <summary>Page 8Fh: its list of commands, its parameter data, the descriptors that it knows, and what holds for all of its copies.</summary>
    public byte[] Page(int maximumSegments, int segmentBytes)
    {
        var (copies, questions) = Lists;
        byte[] commands = [0x83, (byte)copies.Length, .. copies, 0x84, (byte)questions.Length, .. questions];
        byte[] supported = Descriptor(0x0001, [(byte)commands.Length, .. commands]);
        byte[] parameters = Descriptor(0x0004, [0, 0, 0, 0, .. Two(2), .. Two(maximumSegments), .. Four(4096), .. Four(0), .. new byte[12]]);
        byte[] descriptors = Descriptor(0x0008, [2, CopyAbility.BlockToBlock, CopyAbility.Identification]);
        byte[] operations = Descriptor(0x8001, [.. Four(4), .. Four(4), .. Four(segmentBytes), 9, 0, .. new byte[18]]);
        byte[] all = [.. supported, .. parameters, .. descriptors, .. operations];
        return [0, 0x8F, .. Two(all.Length), .. all];

        static byte[] Descriptor(int type, byte[] body)
        {
            byte[] padded = [.. body, .. new byte[(4 - (body.Length % 4)) % 4]];
            return [.. Two(type), .. Two(padded.Length), .. padded];
        }
    }

    /// <summary>EXTENDED COPY(LID4).</summary>
    /// <param name="list">Its parameter list.</param>
    /// <param name="copy">Copies by the list of one device after the other, and of one segment.</param>
    public ScsiReply Begin(ReadOnlySpan<byte> list, Func<byte[], byte[], ScsiReply> copy)
    {
        if (list.Length < 48) return StandInArray.Check(ScsiSense.IllegalRequest, 0x1A, 0x00);
        var (devices, segments, inline) = (BinaryPrimitives.ReadUInt16BigEndian(list[42..]), BinaryPrimitives.ReadUInt16BigEndian(list[44..]), BinaryPrimitives.ReadUInt16BigEndian(list[46..]));
        // PARAMETER LIST FORMAT, HEADER CSCD DESCRIPTOR LIST LENGTH and TYPE CODE have one value; what is reserved is 0.
        var isOne = list[0] == 0x01 && list[1] == ((list[15] & 0x01) == 0 ? 0x10 : 0x00) && BinaryPrimitives.ReadUInt16BigEndian(list[2..]) == 0x20 && list[16] == 0xFF && (list[15] & ~0x01) == 0
            && !list[4..15].ContainsAnyExcept((byte)0) && !list[17..20].ContainsAnyExcept((byte)0) && !list[24..42].ContainsAnyExcept((byte)0);
        if (!isOne || devices != 64 || segments % 28 != 0 || inline != 0) return StandInArray.Check(ScsiSense.IllegalRequest, 0x26, 0x00);
        if (list.Length != 48 + devices + segments) return StandInArray.Check(ScsiSense.IllegalRequest, 0x1A, 0x00);
        var job = new Job(list.Slice(48, devices).ToArray(), list[(48 + devices)..].ToArray(), copy);
        if ((list[15] & 0x01) == 0)
        {
            while (!job.IsOver) job.GoOn(Pretends);
            return job.Reply;
        }

        var id = BinaryPrimitives.ReadUInt32BigEndian(list[20..]);
        if (jobs.TryGetValue(id, out var other) && !other.IsOver) return StandInArray.Check(ScsiSense.IllegalRequest, 0x00, 0x16);
        jobs[id] = job;
        Begun.Add((id, null));
        return ScsiReply.Good();
    }

    /// <summary>RECEIVE COPY STATUS(LID4); null where there is no such copy.</summary>
    public byte[]? Status(uint id)
    {
        if (!jobs.TryGetValue(id, out var job)) return null;
        if (!job.IsOver && !Stalls) job.GoOn(Pretends);
        var sense = job.Reply.Sense.Span;
        var status = new byte[32 + sense.Length];
        BinaryPrimitives.WriteInt32BigEndian(status, status.Length - 4);
        status[4] = 0x01;
        status[5] = job.Status;
        BinaryPrimitives.WriteUInt32BigEndian(status.AsSpan(8), job.IsOver ? uint.MaxValue : 20);
        status[12] = job.Reply.Status;
        (status[13], status[14]) = ((byte)sense.Length, (byte)sense.Length);
        BinaryPrimitives.WriteInt64BigEndian(status.AsSpan(16), job.DoneBytes);
        BinaryPrimitives.WriteUInt16BigEndian(status.AsSpan(24), (ushort)job.Done);
        sense.CopyTo(status.AsSpan(32));
        if (job.IsOver) Ends(id, job.Status);
        return Tells is null ? status : Tells(id, (job.Done, job.All), status);
    }

    /// <summary>COPY OPERATION ABORT; false where there is no such copy.</summary>
    public bool Abort(uint id)
    {
        if (!jobs.TryGetValue(id, out var job)) return false;
        if (Aborts && !job.IsOver)
        {
            job.Abort();
            Ends(id, CopyStatus.Aborted);
        }

        return true;
    }

    private void Ends(uint id, byte status)
    {
        var at = Begun.FindIndex(b => b.Id == id);
        Begun[at] = (id, Begun[at].Ended ?? status);
    }

    private static byte[] Two(int value) => [(byte)(value >> 8), (byte)value];

    private static byte[] Four(int value) => [.. Two(value >> 16), .. Two(value)];

    private sealed class Job(byte[] devices, byte[] segments, Func<byte[], byte[], ScsiReply> copy)
    {
        private bool aborted;

        public int All => segments.Length / 28;

        public int Done { get; private set; }

        public long DoneBytes { get; private set; }

        public ScsiReply Reply { get; private set; } = ScsiReply.Good();

        public bool IsOver => aborted || Reply.Status != ScsiStatus.Good || Done == All;

        public byte Status => aborted ? CopyStatus.Aborted : Reply.Status != ScsiStatus.Good ? CopyStatus.Failed : Done == All ? CopyStatus.Done : (byte)0x12;

        public void Abort() => aborted = true;

        public void GoOn(bool pretends)
        {
            var segment = segments.AsSpan(Done * 28, 28).ToArray();
            if (!pretends) Reply = copy(devices, segment);
            if (Reply.Status != ScsiStatus.Good) return;
            Done++;
            DoneBytes += BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(10)) * StandInArray.BlockBytes;
        }
    }
}
