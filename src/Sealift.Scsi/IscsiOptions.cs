using Sealift.Posix;

namespace Sealift.Scsi;

/// <summary>How units are reached, and how long they may take.</summary>
public sealed record IscsiOptions
{
    // Where the host's own initiator has its name; open-iscsi.
    private const string HostsName = "/etc/iscsi/initiatorname.iscsi";

    /// <summary>How long connecting and logging in may take. Default 30 seconds.</summary>
    public TimeSpan ConnectDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a command may take. Default 60 seconds.</summary>
    public TimeSpan ReplyDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The same for a flush, and for what the unit copies or zeroes by itself. Default 10 minutes.</summary>
    public TimeSpan LongDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most sessions to one unit: so many commands are under way at once. Fewer where the target allows no more.</summary>
    public int Sessions { get; init; } = 4;

    /// <summary>By which name this host logs in; null: that of the host's own initiator, where it has one, else one made from the host's name.</summary>
    public string? InitiatorName { get; init; }

    /// <summary>The passwords for CHAP by user; that of the empty name is for all others.</summary>
    public IReadOnlyDictionary<string, string> Passwords { get; init; } = new Dictionary<string, string>();

    /// <summary>The name that is used.</summary>
    /// <exception cref="ScsiException">It is no such name (SL3205).</exception>
    public string Initiator()
    {
        if (InitiatorName is { } given) return IscsiUri.IsName(given) ? given : throw ScsiErrors.BadInitiator(given, "it is no name of an initiator");
        var line = FileFacts.OfPathIfExists(HostsName) is { Kind: FileKind.Regular, LengthBytes: < 65536 }
            ? File.ReadLines(HostsName).FirstOrDefault(l => l.StartsWith("InitiatorName=", StringComparison.Ordinal)) : null;
        if (line is not null) return line["InitiatorName=".Length..].Trim() is var name && IscsiUri.IsName(name) ? name : throw ScsiErrors.BadInitiator(HostsName, "what it names is no name of an initiator");
        // RFC 2606 keeps .invalid for nobody: so this is nobody else's name.
        return $"iqn.2026-01.invalid.sealift:{string.Concat(Environment.MachineName.ToLowerInvariant().Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.'))}";
    }

    /// <summary>Reads the password in the first line of a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ScsiException">It is none that can be used (SL3204).</exception>
    /// <exception cref="PosixException">It cannot be read.</exception>
    public static string ReadPassword(string path)
    {
        var facts = FileFacts.OfPath(path);
        if (facts.Kind != FileKind.Regular || facts.LengthBytes > 4096) throw ScsiErrors.BadPasswordFile(path, $"it is no small file ({facts.Kind}, {facts.LengthBytes} bytes)");
        using var file = PosixFile.Open(path, OpenMode.Read);
        var bytes = new byte[facts.LengthBytes];
        file.ReadExactlyAt(bytes, 0);
        var line = bytes.AsSpan();
        if (line.IndexOf((byte)'\n') is >= 0 and var end) line = line[..end];
        if (line.EndsWith("\r"u8)) line = line[..^1];
        if (line.IsEmpty || line.Length > 255 || line.Contains((byte)0)) throw ScsiErrors.BadPasswordFile(path, "its first line is empty, or longer than 255 bytes, or no text");
        return System.Text.Encoding.UTF8.GetString(line);
    }
}
