using System.Buffers.Binary;
using System.Text;
using static Sealift.Nbd.NbdProtocol;

namespace Sealift.Nbd;

/// <summary>
/// Fixed newstyle negotiation (proto.md, "Handshake phase"): greeting, STARTTLS, STRUCTURED_REPLY, SET_META_CONTEXT, GO, and
/// EXPORT_NAME for servers without GO. Every length and count that the server sends has a limit; the caller bounds the time.
/// </summary>
internal sealed class NbdHandshake(NbdTransport transport, NbdUri uri, NbdOptions options)
{
    // An option's reply holds at most one string of 4096 bytes and a few numbers.
    private const int MaxReplyBytes = 4096 + 64;

    // Infos and contexts are a handful per option.
    private const int MaxRepliesPerOption = 64;

    private WireReader reader = new(transport.Stream);
    private bool omitsZeroes;

    private string Peer => transport.Peer;

    /// <summary>Negotiates up to the transmission phase.</summary>
    /// <returns>The export, and the reader with what it already holds of the transmission phase.</returns>
    public async Task<(NbdExport Export, WireReader Reader)> RunAsync(CancellationToken cancel)
    {
        await GreetAsync(cancel);
        var tls = options.Tls ?? uri.Tls;
        if (uri.UsesTls || tls is not null) await StartTlsAsync(tls ?? new NbdTls(), cancel);
        var isStructured = await AskStructuredRepliesAsync(cancel);
        var contexts = isStructured && options.MetaContexts.Count > 0 ? await SetContextsAsync(cancel) : [];
        var export = await GoAsync(cancel);
        return (export with { HasStructuredReplies = isStructured, Contexts = contexts }, reader);
    }

    private async Task GreetAsync(CancellationToken cancel)
    {
        await reader.NeedAsync(8, cancel);
        if (reader.TakeUInt64() != InitMagic) throw NbdErrors.NotNbd(Peer, "its greeting does not begin with NBDMAGIC");
        await reader.NeedAsync(10, cancel);
        var kind = reader.TakeUInt64();
        if (kind == OldstyleMagic) throw NbdErrors.Oldstyle(Peer, "the server speaks oldstyle negotiation, which has neither names, TLS nor block status");
        if (kind != OptionMagic) throw NbdErrors.NotNbd(Peer, "its greeting has an unknown second magic number");
        var flags = reader.TakeUInt16();
        if ((flags & FlagFixedNewstyle) == 0) throw NbdErrors.Oldstyle(Peer, "the server speaks newstyle negotiation without the \"fixed\" flag, so options cannot be refused");
        omitsZeroes = (flags & FlagNoZeroes) != 0;
        var answer = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(answer, FlagFixedNewstyle | (omitsZeroes ? FlagNoZeroes : 0u));
        await transport.Stream.WriteAsync(answer, cancel);
    }

    private async Task StartTlsAsync(NbdTls tls, CancellationToken cancel)
    {
        await SendOptionAsync(OptStartTls, [], cancel);
        var reply = await ReadReplyAsync(OptStartTls, cancel);
        if (reply.IsError)
            throw NbdErrors.TlsMismatch(Peer, "TLS was asked for, and the server refused it: " + reply.Describe(), "Set up TLS on the server; it is never left out silently");
        if (reply.Type != RepAck) throw Unexpected(reply);
        // Bytes that were sent before TLS began could be an attacker's (the STARTTLS injection of CVE-2021-3716 and others).
        if (reader.BufferedBytes > 0) throw NbdErrors.NegotiationViolation(Peer, "it sent plain text after it agreed to TLS");
        await transport.SecureAsync(tls, tls.ServerName ?? uri.Host ?? "localhost", cancel);
        reader = new WireReader(transport.Stream);
    }

    private async Task<bool> AskStructuredRepliesAsync(CancellationToken cancel)
    {
        await SendOptionAsync(OptStructuredReply, [], cancel);
        var reply = await ReadReplyAsync(OptStructuredReply, cancel);
        if (reply.Type == RepAck) return true;
        // A server without structured replies works; block status is not there then, and MetaContexts says so.
        if (reply.Type is RepErrUnsup or RepErrPolicy or RepErrInvalid or RepErrPlatform) return false;
        throw reply.IsError ? Refused("agree on structured replies", reply) : Unexpected(reply);
    }

    private async Task<IReadOnlyList<(string Name, uint Id)>> SetContextsAsync(CancellationToken cancel)
    {
        var data = new OptionData();
        data.AddString(uri.ExportName);
        data.AddUInt32((uint)options.MetaContexts.Count);
        foreach (var context in options.MetaContexts) data.AddString(context);
        await SendOptionAsync(OptSetMetaContext, data.ToArray(), cancel);
        var contexts = new List<(string Name, uint Id)>();
        for (var count = 0; count < MaxRepliesPerOption; count++)
        {
            var reply = await ReadReplyAsync(OptSetMetaContext, cancel);
            if (reply.Type == RepAck) return contexts;
            if (reply.Type == RepErrUnsup) return [];
            if (reply.IsError) throw Refused("select the metadata contexts " + string.Join(", ", options.MetaContexts), reply);
            if (reply.Type != RepMetaContext || reply.Data.Length < 5) throw Unexpected(reply);
            var id = BinaryPrimitives.ReadUInt32BigEndian(reply.Data);
            var name = Encoding.UTF8.GetString(reply.Data.AsSpan(4));
            if (!options.MetaContexts.Contains(name)) throw NbdErrors.NegotiationViolation(Peer, $"it selected the context \"{Printable.Of(name)}\", which was not asked for");
            if (contexts.Any(c => c.Name == name || c.Id == id)) throw NbdErrors.NegotiationViolation(Peer, $"it selected the context \"{name}\" or its id {id} twice");
            contexts.Add((name, id));
        }
        throw Endless(OptSetMetaContext);
    }

    private async Task<NbdExport> GoAsync(CancellationToken cancel)
    {
        var data = new OptionData();
        data.AddString(uri.ExportName);
        data.AddUInt16(1);
        data.AddUInt16(InfoBlockSize); // Asking for it promises that the client keeps to it.
        await SendOptionAsync(OptGo, data.ToArray(), cancel);
        NbdExport? export = null;
        (uint Minimum, uint Preferred, uint Maximum)? sizes = null;
        for (var count = 0; count < MaxRepliesPerOption; count++)
        {
            var reply = await ReadReplyAsync(OptGo, cancel);
            if (reply.Type == RepAck)
            {
                if (export is null) throw NbdErrors.NegotiationViolation(Peer, "it agreed to an export without telling its size");
                return sizes is { } s ? export.WithBlockSizes(s.Minimum, s.Preferred, s.Maximum) : export;
            }
            if (reply.Type == RepErrUnsup) return await NameExportAsync(cancel);
            if (reply.IsError) throw Refused($"open the export \"{Printable.Of(uri.ExportName)}\"", reply);
            if (reply.Type != RepInfo || reply.Data.Length < 2) throw Unexpected(reply);
            switch (BinaryPrimitives.ReadUInt16BigEndian(reply.Data))
            {
                case InfoExport when reply.Data.Length == 12 && export is null:
                    export = Export(BinaryPrimitives.ReadUInt64BigEndian(reply.Data.AsSpan(2)), BinaryPrimitives.ReadUInt16BigEndian(reply.Data.AsSpan(10)));
                    break;
                case InfoBlockSize when reply.Data.Length == 14 && sizes is null:
                    sizes = (BinaryPrimitives.ReadUInt32BigEndian(reply.Data.AsSpan(2)), BinaryPrimitives.ReadUInt32BigEndian(reply.Data.AsSpan(6)), BinaryPrimitives.ReadUInt32BigEndian(reply.Data.AsSpan(10)));
                    if (NbdExport.CheckBlockSizes(sizes.Value.Minimum, sizes.Value.Preferred, sizes.Value.Maximum) is { } wrong) throw NbdErrors.NegotiationViolation(Peer, "it announced " + wrong);
                    break;
                case InfoExport or InfoBlockSize:
                    throw NbdErrors.NegotiationViolation(Peer, "it sent an information reply twice or with a wrong length");
                default:
                    break; // "The client MUST ignore information that it does not know" (NBD_REP_INFO).
            }
        }
        throw Endless(OptGo);
    }

    // The one option that has no error reply: a server that does not know the name closes.
    private async Task<NbdExport> NameExportAsync(CancellationToken cancel)
    {
        await SendOptionAsync(OptExportName, Encoding.UTF8.GetBytes(uri.ExportName), cancel);
        await reader.NeedAsync(10, cancel);
        var export = Export(reader.TakeUInt64(), reader.TakeUInt16());
        if (!omitsZeroes) await reader.SkipAsync(124, cancel);
        return export;
    }

    private NbdExport Export(ulong lengthBytes, ushort flags) => lengthBytes <= long.MaxValue
        ? new NbdExport { LengthBytes = (long)lengthBytes, Flags = (NbdExportFlags)flags }
        : throw NbdErrors.NegotiationViolation(Peer, $"it announced a size of {lengthBytes} bytes, more than 2^63 - 1");

    private async Task SendOptionAsync(uint option, byte[] data, CancellationToken cancel)
    {
        var message = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), (uint)data.Length);
        data.CopyTo(message, 16);
        await transport.Stream.WriteAsync(message, cancel);
    }

    private async Task<OptionReply> ReadReplyAsync(uint option, CancellationToken cancel)
    {
        await reader.NeedAsync(20, cancel);
        if (reader.TakeUInt64() != OptionReplyMagic) throw NbdErrors.NegotiationViolation(Peer, "an option reply has a bad magic number");
        var answered = reader.TakeUInt32();
        var type = reader.TakeUInt32();
        var lengthBytes = reader.TakeUInt32();
        if (answered != option) throw NbdErrors.NegotiationViolation(Peer, $"it answered option {answered} when option {option} was sent");
        if (lengthBytes > MaxReplyBytes) throw NbdErrors.NegotiationViolation(Peer, $"an option reply claims {lengthBytes} bytes, more than {MaxReplyBytes}");
        var data = new byte[lengthBytes];
        await reader.ReadAsync(data, cancel);
        return type == RepErrTlsRequired
            ? throw NbdErrors.TlsMismatch(Peer, "the server requires TLS", "Use nbds:// or nbds+unix://, with its CA")
            : new OptionReply(option, type, data);
    }

    private NbdException Refused(string attempt, OptionReply reply) => NbdErrors.Refused(attempt, Peer, "the server refused: " + reply.Describe(), reply.Type == RepErrShutdown);

    private NbdException Unexpected(OptionReply reply) =>
        NbdErrors.NegotiationViolation(Peer, $"it answered option {reply.Option} with a reply of type {reply.Type} and {reply.Data.Length} bytes, which does not belong there");

    private NbdException Endless(uint option) => NbdErrors.NegotiationViolation(Peer, $"it sent more than {MaxRepliesPerOption} replies to option {option}");

    private sealed record OptionReply(uint Option, uint Type, byte[] Data)
    {
        public bool IsError => (Type & RepErrorBit) != 0;

        public string Describe()
        {
            var name = Type switch
            {
                RepErrUnsup => "it does not know this option",
                RepErrPolicy => "its policy forbids it",
                RepErrInvalid => "it finds the request invalid",
                RepErrPlatform => "its platform cannot do it",
                RepErrUnknown => "it has no such export",
                RepErrShutdown => "it is shutting down",
                RepErrBlockSizeRequired => "it insists on block sizes",
                RepErrTooBig => "it finds the request too big",
                _ => $"error {Type & ~RepErrorBit}",
            };
            return Data.Length == 0 ? name : $"{name} ({Printable.Of(Data)})";
        }
    }

    private sealed class OptionData
    {
        private readonly List<byte> bytes = [];

        public void AddUInt16(ushort value) => bytes.AddRange([(byte)(value >> 8), (byte)value]);

        public void AddUInt32(uint value) => bytes.AddRange([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);

        public void AddString(string text)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            AddUInt32((uint)utf8.Length);
            bytes.AddRange(utf8);
        }

        public byte[] ToArray() => [.. bytes];
    }
}
