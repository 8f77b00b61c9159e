using System.Buffers.Binary;
using System.Text;

namespace Sealift.Nbd.Tests;

/// <summary>Builds what a server says, honest or not. Independent of the client's own constants.</summary>
internal sealed class Wire
{
    public const ushort Done = 1;

    private readonly List<byte> bytes = [];

    public byte[] ToArray() => [.. bytes];

    public Wire U16(int value) => Raw([(byte)(value >> 8), (byte)value]);

    public Wire U32(uint value)
    {
        var b = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(b, value);
        return Raw(b);
    }

    public Wire U64(ulong value)
    {
        var b = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(b, value);
        return Raw(b);
    }

    public Wire Raw(ReadOnlySpan<byte> raw)
    {
        bytes.AddRange(raw);
        return this;
    }

    public Wire Text(string text) => Raw(Encoding.UTF8.GetBytes(text));

    public Wire Greeting(int flags = 3) => Text("NBDMAGIC").Text("IHAVEOPT").U16(flags);

    public Wire OptionReply(uint option, uint type, byte[]? data = null, uint? claimedLength = null) =>
        U64(0x3e889045565a9).U32(option).U32(type).U32(claimedLength ?? (uint)(data?.Length ?? 0)).Raw(data ?? []);

    public Wire Structured() => OptionReply(8, 1);

    public Wire Context(string name = "base:allocation", uint id = 7) => OptionReply(10, 4, new Wire().U32(id).Text(name).ToArray()).OptionReply(10, 1);

    /// <summary>Everything but read-only, with structured replies by default.</summary>
    public Wire Go(ulong lengthBytes = 1 << 20, int flags = 0x96d) =>
        OptionReply(7, 3, new Wire().U16(0).U64(lengthBytes).U16(flags).ToArray()).OptionReply(7, 1);

    /// <summary>The whole of an honest negotiation.</summary>
    public Wire Negotiation(ulong lengthBytes = 1 << 20) => Greeting().Structured().Context().Go(lengthBytes);

    public Wire Simple(ulong cookie, uint errno = 0) => U32(0x67446698).U32(errno).U64(cookie);

    public Wire Chunk(ulong cookie, int type, byte[] payload, int flags = 0, uint? claimedLength = null) =>
        U32(0x668e33ef).U16(flags).U16(type).U64(cookie).U32(claimedLength ?? (uint)payload.Length).Raw(payload);

    public Wire Data(ulong cookie, ulong offset, int lengthBytes, int flags = 0, byte fill = 0x5A)
    {
        var data = new byte[lengthBytes];
        data.AsSpan().Fill(fill);
        return Chunk(cookie, 1, new Wire().U64(offset).Raw(data).ToArray(), flags);
    }

    public Wire Hole(ulong cookie, ulong offset, uint lengthBytes, int flags = 0) => Chunk(cookie, 2, new Wire().U64(offset).U32(lengthBytes).ToArray(), flags);

    public Wire Extents(ulong cookie, int flags, uint id, params (uint LengthBytes, uint Flags)[] extents)
    {
        var payload = new Wire().U32(id);
        foreach (var (lengthBytes, f) in extents) payload.U32(lengthBytes).U32(f);
        return Chunk(cookie, 5, payload.ToArray(), flags);
    }

    public Wire Error(ulong cookie, uint errno, string text, int flags = Done) =>
        Chunk(cookie, 0x8001, new Wire().U32(errno).U16(Encoding.UTF8.GetByteCount(text)).Text(text).ToArray(), flags);

    public Wire ErrorAt(ulong cookie, uint errno, string text, ulong offset, int flags = Done) =>
        Chunk(cookie, 0x8002, new Wire().U32(errno).U16(Encoding.UTF8.GetByteCount(text)).Text(text).U64(offset).ToArray(), flags);

    public Wire None(ulong cookie) => Chunk(cookie, 0, [], Done);
}
