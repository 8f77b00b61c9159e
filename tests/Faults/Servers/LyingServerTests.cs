using Sealift.Nbd.Tests;

namespace Sealift.Faults.Servers;

/// <summary>Servers that break the protocol, as no real one can be made to: a reply that nobody can make sense of is never data.</summary>
public sealed class LyingServerTests(OtherSide side)
{
    // What is broken by the first request of its kind, and what by a later one, when others are in flight.
    private static readonly int[] Whens = [0, 3];

    private static readonly Dictionary<string, (string Says, Func<LyingServer, Request, Answer?> Lie)> Reads = new()
    {
        ["hangs up"] = ("SL3021 offset source", (_, _) => new Answer([], HangsUp: true)),
        ["hangs up within the header"] = ("SL3021 offset source", (s, r) => Cut(s, r, 12)),
        ["hangs up after the header"] = ("SL3021 offset source", (s, r) => Cut(s, r, 20)),
        ["hangs up within the payload"] = ("SL3021 offset source", (s, r) => Cut(s, r, 100_000)),
        ["hangs up one byte before the end"] = ("SL3021 offset source", (s, r) => Cut(s, r, s.Honest(r).ToArray().Length - 1)),
        ["silence"] = ("SL3022 offset source", (_, _) => Answer.Silence),
        ["silence within the payload"] = ("SL3022|SL3020 offset source", (s, r) => s.Honest(r).ToArray() is var whole ? new Answer(whole[..Math.Min(1000, whole.Length - 1)]) : Answer.Silence), // which request comes third differs, and some are short
        ["another cookie"] = ("SL3020 offset source", (s, r) => s.Honest(r with { Cookie = r.Cookie ^ 0x40 })),
        ["the cookie of another generation"] = ("SL3020 offset source", (s, r) => s.Honest(r with { Cookie = r.Cookie + (1 << 16) })),
        ["no cookie"] = ("SL3020 offset source", (s, r) => s.Honest(r with { Cookie = ulong.MaxValue })),
        ["the bytes of another place"] = ("SL3020 offset source", (s, r) => s.Honest(r with { Offset = r.Offset == 0 ? 4096 : 0 })),
        ["too few bytes"] = ("SL3020 offset source", (s, r) => s.Honest(r with { LengthBytes = r.LengthBytes - 1 })),
        ["too many bytes"] = ("SL3020 offset source", (_, r) => new Wire().Data(r.Cookie, (ulong)r.Offset, r.LengthBytes + 512, Wire.Done)),
        ["the same bytes twice"] = ("SL3020 offset source", (_, r) => new Wire().Data(r.Cookie, (ulong)r.Offset, 512).Data(r.Cookie, (ulong)r.Offset, 512)),
        ["no bytes"] = ("SL3020 offset source", (_, r) => new Wire().None(r.Cookie)),
        ["a simple reply"] = ("SL3020 offset source", (_, r) => new Wire().Simple(r.Cookie).Raw(new byte[r.LengthBytes])),
        ["bad magic"] = ("SL3020 offset source", (_, _) => new Wire().Raw(new byte[64])),
        ["extents"] = ("SL3020 offset source", (_, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, (4096, 0))),
        ["an error"] = ("SL4211 EIO offset source", (_, r) => new Wire().Error(r.Cookie, 5, "bad sector")),
        ["an error in the middle"] = ("SL4211 EIO offset source", (_, r) => new Wire().Data(r.Cookie, (ulong)r.Offset, 512).ErrorAt(r.Cookie, 5, "bad sector", (ulong)r.Offset + 512)),
        ["an unknown error"] = ("SL4211 4711 offset source", (_, r) => new Wire().Error(r.Cookie, 4711, "?")),
        ["an error that steers the terminal"] = ("SL4211 EIO offset source", (_, r) => new Wire().Error(r.Cookie, 5, "\e[2J")),
    };

    private static readonly Dictionary<string, (string Says, Func<LyingServer, Request, Answer?> Lie)> Maps = new()
    {
        ["hangs up"] = ("SL3021", (_, _) => new Answer([], HangsUp: true)),
        ["hangs up within the list"] = ("SL3021", (s, r) => Cut(s, r, 40)),
        ["silence"] = ("SL3022", (_, _) => Answer.Silence),
        ["another context"] = ("SL3020", (_, r) => new Wire().Extents(r.Cookie, Wire.Done, 8, ((uint)r.LengthBytes, 0))),
        ["an empty extent"] = ("SL3020", (_, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, (0, 0), ((uint)r.LengthBytes, 0))),
        ["no extents"] = ("SL3020", (_, r) => new Wire().Extents(r.Cookie, Wire.Done, 7)),
        ["nothing but the end"] = ("SL3020", (_, r) => new Wire().None(r.Cookie)),
        ["twice"] = ("SL3020", (_, r) => new Wire().Extents(r.Cookie, 0, 7, ((uint)r.LengthBytes, 0)).Extents(r.Cookie, Wire.Done, 7, ((uint)r.LengthBytes, 3))),
        ["more extents after the end"] = ("SL3020", (_, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, ((uint)r.LengthBytes, 0), (4096, 3), (4096, 0))),
        ["an error"] = ("SL3030 EIO", (_, r) => new Wire().Error(r.Cookie, 5, "no map")),
        ["only the first extent each time"] = ("", (s, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, s.Extents(r.Offset, r.LengthBytes).First())),
        ["space taken and space not taken, and zero or not, at random"] = ("", (s, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, [.. s.Extents(r.Offset, r.LengthBytes).Select((e, i) => (e.LengthBytes, (e.Flags & 2) | (uint)(i & 1)))])),
        ["unknown flags"] = ("", (s, r) => new Wire().Extents(r.Cookie, Wire.Done, 7, [.. s.Extents(r.Offset, r.LengthBytes).Select(e => (e.LengthBytes, e.Flags | 0x80u))])),
    };

    private static readonly Dictionary<string, (string Says, Func<int, Answer> Negotiation)> Negotiations = new()
    {
        ["hangs up at once"] = ("SL3018 /s", _ => new Answer([], HangsUp: true)),
        ["hangs up within the greeting"] = ("SL3018 /s", _ => new Answer(new Wire().Text("NBDMAGICIHA").ToArray(), HangsUp: true)),
        ["hangs up within an option"] = ("SL3018 /s", _ => new Answer(new Wire().Negotiation().ToArray()[..30], HangsUp: true)),
        ["says nothing"] = ("SL3011 /s", _ => Answer.Silence),
        ["says nothing more"] = ("SL3011 /s", _ => new Wire().Greeting().Structured()),
        ["is no NBD server"] = ("SL3015 /s", _ => new Wire().Text("HTTP/1.1 400 Bad Request\r\n\r\n")),
        ["is of the old style"] = ("SL3014 /s", _ => new Wire().Text("NBDMAGIC").U64(0x00420281861253).U64(1 << 20).U32(1).Raw(new byte[124])),
        ["has no end"] = ("SL3017 /s", _ => new Wire().Negotiation(1UL << 63)),
        ["answers other questions"] = ("SL3017 /s", _ => new Wire().Greeting().OptionReply(7, 1)),
        ["wants TLS"] = ("SL3013 /s", _ => new Wire().Greeting().OptionReply(8, 0x80000005)),
        ["knows no such export"] = ("SL3016 /s", _ => new Wire().Greeting().Structured().Context().OptionReply(7, 0x80000006, [27, (byte)'[', (byte)'2', (byte)'J'])),
        ["has another size on its second connection"] = ("SL3019 /s", n => new Wire().Negotiation(n == 0 ? (6 << 20) + 512ul : 6 << 20)),
        ["is read-only on its second connection only"] = ("SL3019 /s", n => new Wire().Greeting().Structured().Context().Go((6 << 20) + 512, n == 0 ? 0x96d : 0x96f)),
        ["hangs up on its third connection"] = ("SL3018 /s", n => n == 2 ? new Answer([], HangsUp: true) : new Wire().Negotiation((6 << 20) + 512)),
    };

    private static readonly Dictionary<string, (NbdCommand Command, int Times, string Says, Func<LyingServer, Request, Answer?> Lie)> Writes = new()
    {
        ["write: hangs up"] = (NbdCommand.Write, 1, "SL3021 offset target", (_, _) => new Answer([], HangsUp: true)),
        ["write: done, and hangs up before it says so"] = (NbdCommand.Write, 1, "SL3021 offset target", (s, r) => Cut(s, r, 0)),
        ["write: hangs up within the reply"] = (NbdCommand.Write, 1, "SL3021 offset target", (s, r) => Cut(s, r, 15)),
        ["write: silence"] = (NbdCommand.Write, 1, "SL3022 offset target", (_, _) => Answer.Silence),
        ["write: another cookie"] = (NbdCommand.Write, 1, "SL3020 offset target", (_, r) => new Wire().Simple(r.Cookie ^ 0x40)),
        ["write: answers twice"] = (NbdCommand.Write, 1, "SL3020", (s, r) => { s.Honest(r); return new Wire().Simple(r.Cookie).Simple(r.Cookie); }),
        ["write: bad magic"] = (NbdCommand.Write, 1, "SL3020 offset target", (_, _) => new Wire().Raw(new byte[16])),
        ["write: no space"] = (NbdCommand.Write, int.MaxValue, "SL4212 ENOSPC offset target", (_, r) => new Wire().Simple(r.Cookie, 28)),
        ["write: read-only from now on"] = (NbdCommand.Write, int.MaxValue, "SL4212 EPERM offset target", (_, r) => new Wire().Error(r.Cookie, 1, "it is read-only now")),
        ["write: shutting down"] = (NbdCommand.Write, 1, "SL4212 ESHUTDOWN offset target", (_, r) => new Wire().Simple(r.Cookie, 108)),
        ["write: lost once"] = (NbdCommand.Write, 1, "", (_, r) => new Wire().Simple(r.Cookie)),
        ["write: lost always"] = (NbdCommand.Write, int.MaxValue, "SL4234 offset", (_, r) => new Wire().Simple(r.Cookie)),
        ["write: elsewhere"] = (NbdCommand.Write, 1, "", (s, r) => s.Honest(r with { Offset = r.Offset < 1 << 20 ? r.Offset + (1 << 20) : r.Offset - (1 << 20) })),
        ["zeroes: lost once"] = (NbdCommand.WriteZeroes, 1, "", (_, r) => new Wire().Simple(r.Cookie)),
        ["zeroes: lost always"] = (NbdCommand.WriteZeroes, int.MaxValue, "", (_, r) => new Wire().Simple(r.Cookie)),
        ["zeroes: cut short"] = (NbdCommand.WriteZeroes, 1, "", (s, r) => s.Honest(r with { LengthBytes = r.LengthBytes / 2 })),
        ["zeroes: cut short always"] = (NbdCommand.WriteZeroes, int.MaxValue, "", (s, r) => s.Honest(r with { LengthBytes = r.LengthBytes / 2 })),
        ["zeroes: an error"] = (NbdCommand.WriteZeroes, 1, "SL4212 EIO offset target", (_, r) => new Wire().Simple(r.Cookie, 5)),
        ["zeroes: silence"] = (NbdCommand.WriteZeroes, 1, "SL3022 offset target", (_, _) => Answer.Silence),
        ["flush: an error"] = (NbdCommand.Flush, 1, "SL4213 EIO flush", (_, r) => new Wire().Simple(r.Cookie, 5)),
        ["flush: hangs up"] = (NbdCommand.Flush, 1, "SL3021 flush", (_, _) => new Answer([], HangsUp: true)),
        ["flush: silence"] = (NbdCommand.Flush, 1, "SL3022 flush", (_, _) => Answer.Silence),
        ["flush: another cookie"] = (NbdCommand.Flush, 1, "SL3020 flush", (_, r) => new Wire().Simple(r.Cookie + 1)),
        ["goodbye: never hangs up"] = (NbdCommand.Disconnect, int.MaxValue, "SL3024", (_, _) => Answer.Silence),
        ["goodbye: answers"] = (NbdCommand.Disconnect, int.MaxValue, "SL3020", (_, r) => new Wire().Simple(r.Cookie)),
        ["read-back: another cookie"] = (NbdCommand.Read, 1, "SL3020 offset target", (s, r) => s.Honest(r with { Cookie = r.Cookie ^ 0x40 })),
        ["read-back: hangs up within the payload"] = (NbdCommand.Read, 1, "SL3021 offset target", (s, r) => Cut(s, r, 1000)),
        ["read-back: too few bytes"] = (NbdCommand.Read, 1, "SL3020 offset target", (s, r) => s.Honest(r with { LengthBytes = r.LengthBytes - 1 })),
    };

    public static TheoryData<string, int> ReadLies => Cross(Reads.Keys, Whens);

    public static TheoryData<string> MapLies => [.. Maps.Keys];

    public static TheoryData<string> NegotiationLies => [.. Negotiations.Keys];

    public static TheoryData<string> WriteLies => [.. Writes.Keys];

    [Theory]
    [MemberData(nameof(ReadLies))]
    public Task A_lie_about_a_read_is_no_data(string lie, int when) =>
        FromAsync(Reads[lie].Says, NbdCommand.Read, when, 1, Reads[lie].Lie);

    [Theory]
    [MemberData(nameof(MapLies))]
    public Task A_lie_about_the_map_makes_no_hole(string lie) =>
        FromAsync(Maps[lie].Says, NbdCommand.BlockStatus, 0, int.MaxValue, Maps[lie].Lie);

    [Theory]
    [MemberData(nameof(NegotiationLies))]
    public async Task A_lie_in_the_negotiation_is_said_before_anything_is_written(string lie)
    {
        var (says, negotiation) = Negotiations[lie];
        var trial = new ServerTrial(side, says.Split(' '), Patience(says));
        var stored = ServerTrial.Old(side.Disk);
        await trial.CopyToAsync(() => Served(new LyingServer(trial.Socket, stored, (_, _) => null, negotiation)), () => stored);
        var from = new ServerTrial(side, says.Split(' '), Patience(says));
        side.WriteDisk(from.Served);
        await from.CopyFromAsync(() => Served(new LyingServer(from.Socket, side.Disk, (_, _) => null, negotiation)));
    }

    [Theory]
    [MemberData(nameof(WriteLies))]
    public async Task A_lie_about_what_is_stored_does_not_last(string lie)
    {
        var (command, times, says, answer) = Writes[lie];
        var trial = new ServerTrial(side, says.Split(' ', StringSplitOptions.RemoveEmptyEntries), Patience(says));
        var stored = ServerTrial.Old(side.Disk);
        await trial.CopyToAsync(
            () => Served(new LyingServer(trial.Socket, stored, (s, r) => r.Command == command && r.Earlier < times ? answer(s, r) : null)),
            () => (byte[])stored.Clone());
    }

    private async Task FromAsync(string says, NbdCommand command, int from, int times, Func<LyingServer, Request, Answer?> lie)
    {
        Answer? Said(LyingServer s, Request r) => r.Command == command && r.Earlier >= from && r.Earlier - from < times ? lie(s, r) : null;
        foreach (var copies in new[] { true, false })
        {
            var trial = new ServerTrial(side, says.Split(' ', StringSplitOptions.RemoveEmptyEntries), Patience(says));
            side.WriteDisk(trial.Served);
            Task<IAsyncDisposable> Start() => Served(new LyingServer(trial.Socket, (byte[])side.Disk.Clone(), Said));
            if (copies) await trial.CopyFromAsync(Start);
            else await trial.HashAsync(Start);
        }
    }

    private static Task<IAsyncDisposable> Served(LyingServer server) => Task.FromResult<IAsyncDisposable>(server);

    // Only who meets a silent server waits, and is to be told soon.
    private static string Patience(string says) => says.Contains("SL3022", StringComparison.Ordinal) || says.Contains("SL3011", StringComparison.Ordinal) || says.Contains("SL3024", StringComparison.Ordinal) ? "2s" : "60s";

    /// <summary>So many bytes of the answer, and never all of it: which request comes third is chance, and the last one of a disk is short.</summary>
    private static Answer Cut(LyingServer server, Request request, int bytes)
    {
        var whole = server.Honest(request).ToArray();
        return new Answer(whole[..Math.Min(bytes, whole.Length - 1)], HangsUp: true);
    }

    private static TheoryData<string, int> Cross(IEnumerable<string> lies, int[] whens)
    {
        var all = new TheoryData<string, int>();
        foreach (var lie in lies)
            foreach (var when in whens) all.Add(lie, when);
        return all;
    }
}
