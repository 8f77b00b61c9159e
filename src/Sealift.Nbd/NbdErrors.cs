using System.Globalization;

namespace Sealift.Nbd;

/// <summary>Every error of this room, with its code.</summary>
internal static class NbdErrors
{
    private const string Distrust = "Nothing more is read from this server; check what really listens there, and its version";

    // SL300x: how it was asked for.

    public static NbdException BadUri(string uri, string said) =>
        new("SL3001", "parse the NBD URI", uri, said, "Write it as nbd://host[:port]/export or nbd+unix:///export?socket=/path", isTransient: false);

    public static NbdException PskUnsupported(string peer, string file) =>
        new("SL3002", "connect with a pre-shared key", peer, $"the runtime's TLS has no pre-shared keys, so {file} cannot be used", "Use certificates (CA, client certificate and key), or tunnel a Unix socket over SSH", isTransient: false);

    public static NbdException BadCredentials(string file, string said, Exception? inner = null) =>
        new("SL3003", "load the TLS credentials", file, said, "Give PEM files that this user may read", isTransient: false, inner);

    // SL301x: connecting and negotiating.

    public static NbdException ConnectFailed(string peer, string said, Exception inner) =>
        new("SL3010", "connect", peer, said, "Check that the server runs and that nothing between blocks it", isTransient: true, inner);

    public static NbdException ConnectTimeout(string peer, TimeSpan deadline, string stage) =>
        new("SL3011", stage, peer, $"not done after {Seconds(deadline)} s", "Check that the server answers, or raise the connect deadline", isTransient: true);

    public static NbdException TlsFailed(string peer, string said, Exception inner) =>
        new("SL3012", "set up TLS", peer, said, "Check the CA, the name in the server's certificate, its validity, and this client's certificate", isTransient: false, inner);

    public static NbdException TlsMismatch(string peer, string said, string nextStep) =>
        new("SL3013", "negotiate", peer, said, nextStep, isTransient: false);

    public static NbdException Oldstyle(string peer, string said) =>
        new("SL3014", "negotiate", peer, said, "Use a server that speaks fixed newstyle negotiation (nbdkit, qemu-nbd, nbd-server 3.x; not nbdkit --oldstyle)", isTransient: false);

    public static NbdException NotNbd(string peer, string said) =>
        new("SL3015", "negotiate", peer, said, "Check the address: this is not an NBD server", isTransient: false);

    public static NbdException Refused(string attempt, string peer, string said, bool isTransient) =>
        new("SL3016", attempt, peer, said, "Check the export's name and the server's settings (nbdinfo --list shows what it offers)", isTransient);

    public static NbdException NegotiationViolation(string peer, string said) =>
        new("SL3017", "negotiate", peer, said, Distrust, isTransient: false);

    public static NbdException NegotiationLost(string peer, string said, Exception? inner = null) =>
        new("SL3018", "negotiate", peer, said, "Look at the server's log; it may know no such export, or require TLS or a client certificate", isTransient: true, inner);

    public static NbdException Unlike(string peer, string said) =>
        new("SL3019", "open another connection", peer, said, "The export changed between two connections: make sure that nobody resizes or replaces it, then start again", isTransient: false);

    // SL302x: the connection is dead.

    public static NbdException Violation(string peer, string said) =>
        new("SL3020", "understand the server", peer, said, Distrust, isTransient: false);

    public static NbdException Lost(string peer, string said, Exception? inner = null) =>
        new("SL3021", "keep the connection", peer, said, "Look at the server's log and at the network, then try again", isTransient: true, inner);

    public static NbdException Silent(string peer, string request, TimeSpan deadline) =>
        new("SL3022", request, peer, $"not answered in full within {Seconds(deadline)} s", "Check the server and the storage below it, or raise the reply deadline", isTransient: true);

    public static NbdException Closed(string peer, string said) =>
        new("SL3023", "use the connection", peer, said, "Open a new connection", isTransient: false);

    public static NbdException NotClosedByServer(string peer, TimeSpan deadline) =>
        new("SL3024", "disconnect", peer, $"the server did not close within {Seconds(deadline)} s", "Check whether the server hangs; what was flushed before is on stable storage", isTransient: true);

    public static NbdException Internal(string peer, Exception inner) =>
        new("SL3025", "keep the connection", peer, $"an unexpected {inner.GetType().Name}: {inner.Message}", "This is a defect of Sealift: report it with this message", isTransient: false, inner);

    /// <summary>The connection's one cause of death, as one request saw it.</summary>
    public static NbdException Because(NbdException cause, NbdRequest request) =>
        new(cause.Code, request.ToString(), cause.Subject, cause.Attempt == request.ToString() ? cause.Said : $"cannot {cause.Attempt}: {cause.Said}", cause.NextStep, cause.IsTransient, cause);

    // SL303x: one request.

    public static NbdServerException Server(string peer, NbdRequest request, uint errno, string? text, long at)
    {
        var name = ErrnoName(errno);
        var said = string.IsNullOrEmpty(text) ? name : $"{name} ({text})";
        if (at >= 0) said = string.Create(CultureInfo.InvariantCulture, $"{said} at offset {at}");
        return new(request.ToString(), peer, "the server answered " + said, Advice(errno), errno is Enomem or Eshutdown, errno, name, request.CommandName, request.Offset, request.LengthBytes);
    }

    public static NbdException Unsupported(string peer, string request, string said) =>
        new("SL3031", request, peer, said, "Use another server or another way to do it (see the Can… properties)", isTransient: false);

    public static NbdException NoSuchContext(string peer, string context) =>
        new("SL3032", "ask for block status", peer, $"the metadata context \"{Printable.Of(context)}\" was not negotiated", "Ask for it when connecting, and check MetaContexts for what the server knows", isTransient: false);

    public static NbdException OutOfRange(string peer, string request, string said) =>
        new("SL3033", request, peer, said, "Stay within the export and on its block size", isTransient: false);

    public static NbdException NotServed(string socketPath, string said, Exception inner) =>
        new("SL3034", "show a disk by NBD", socketPath, said, "Look at the directory: it must exist, be writable, and have a path short enough for a socket (107 bytes)", isTransient: false, inner);

    private const uint Enomem = 12;
    private const uint Eshutdown = 108;

    // "Error values" of the protocol.
    private static string ErrnoName(uint errno) => errno switch
    {
        1 => "EPERM",
        5 => "EIO",
        Enomem => "ENOMEM",
        22 => "EINVAL",
        28 => "ENOSPC",
        75 => "EOVERFLOW",
        95 => "ENOTSUP",
        Eshutdown => "ESHUTDOWN",
        _ => string.Create(CultureInfo.InvariantCulture, $"error {errno}"),
    };

    private static string Advice(uint errno) => errno switch
    {
        1 => "Check that the export is meant to be written and that this client may",
        5 => "Check the storage below the server; its log may say more",
        Enomem => "Free memory on the server, then try again",
        28 => "Free space below the server, then resume",
        95 => "Use the plain form of the request",
        Eshutdown => "The server is shutting down: start it again, then resume",
        _ => "Look at the server's log",
    };

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
}
