using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sealift.Posix;

namespace Sealift.Server;

/// <summary>What the file of settings can say; every field can be left out. What it does not know is refused.</summary>
internal sealed record ServerSettings
{
    private const int LimitBytes = 1 << 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
        MaxDepth = 8,
    };

    public string? Listen { get; init; }

    public string? TlsCertificate { get; init; }

    public string? TlsKey { get; init; }

    public IReadOnlyList<string> HostNames { get; init; } = [];

    public string? DatabaseFile { get; init; }

    public string? DatabaseEnv { get; init; }

    public double SessionIdleMinutes { get; init; } = 120;

    public double SessionHours { get; init; } = 16;

    public int RequestBurst { get; init; } = 300;

    public int LoginsPerMinute { get; init; } = 20;

    public int Watchers { get; init; } = 2000;

    public bool OpenMetrics { get; init; }

    public Uri? TracesEndpoint { get; init; }

    public OidcOptions? Oidc { get; init; }

    /// <summary>The options of a command line and of the file that it names, or of the one that lies in the state directory.</summary>
    /// <exception cref="SealiftException">SL9001, SL9002, or a file cannot be read.</exception>
    public static ServerOptions Read(ServeCommandLine line, ParseResult parsed, string stateDirectory)
    {
        var given = parsed.GetValue(line.Config);
        var file = Path.GetFullPath(given ?? Path.Combine(stateDirectory, "server.json"));
        var settings = given is null && FileFacts.OfPathIfExists(file) is null ? new ServerSettings() : Read(file);
        var isServing = parsed.CommandResult.Command.Options.Contains(line.Listen);
        var database = parsed.GetValue(line.DatabaseFile) is { } byFile ? FirstLine(Path.GetFullPath(byFile))
            : parsed.GetValue(line.DatabaseEnv) is { } byVariable ? Variable(byVariable)
            : settings.DatabaseFile is { } itsFile ? FirstLine(Beside(file, itsFile))
            : settings.DatabaseEnv is { } itsVariable ? Variable(itsVariable)
            : null;
        string? certificate = null, key = null;
        var listen = settings.Listen;
        string[] names = [];
        if (isServing)
        {
            certificate = parsed.GetValue(line.Certificate) is { } c ? Path.GetFullPath(c) : null;
            key = parsed.GetValue(line.Key) is { } k ? Path.GetFullPath(k) : null;
            listen = parsed.GetValue(line.Listen) ?? listen;
            names = parsed.GetValue(line.HostNames) ?? [];
        }

        certificate ??= settings.TlsCertificate is { } theirs ? Beside(file, theirs) : null;
        key ??= settings.TlsKey is { } theirKey ? Beside(file, theirKey) : null;
        if (certificate is null != key is null) throw ServerErrors.BadCertificate(certificate ?? key!, certificate is null ? "a key without a certificate" : "a certificate without a key");
        var options = new ServerOptions
        {
            StateDirectory = stateDirectory,
            CertificateFile = certificate,
            KeyFile = key,
            HostNames = [.. settings.HostNames, .. names],
            Database = database,
            SessionIdle = Span(file, "sessionIdleMinutes", TimeSpan.FromMinutes(Number(settings.SessionIdleMinutes))),
            SessionLifetime = Span(file, "sessionHours", TimeSpan.FromHours(Number(settings.SessionHours))),
            RequestBurst = Count(file, "requestBurst", settings.RequestBurst),
            LoginsPerMinute = Count(file, "loginsPerMinute", settings.LoginsPerMinute),
            Watchers = Count(file, "watchers", settings.Watchers),
            OpenMetrics = settings.OpenMetrics,
            TracesEndpoint = settings.TracesEndpoint,
            Oidc = settings.Oidc is { ClientSecretFile: { } secret } oidc ? oidc with { ClientSecretFile = Beside(file, secret) } : settings.Oidc,
        };
        return listen is null ? options : options with { Listen = EndPoint(listen) };
    }

    /// <summary>The address and port of a text; the port 0 lets the kernel choose.</summary>
    internal static IPEndPoint EndPoint(string text)
    {
        var given = text.StartsWith("localhost:", StringComparison.Ordinal) ? $"127.0.0.1{text[9..]}" : text;
        if (!IPEndPoint.TryParse(given, out var endPoint)) throw ServerErrors.BadListen(text, "that is no address with a port");
        return given.EndsWith($":{endPoint.Port.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal) ? endPoint : throw ServerErrors.BadListen(text, "there is no port");
    }

    /// <summary>The first line of a file with a secret, which not everybody may read.</summary>
    internal static string FirstLine(string path)
    {
        var line = Readable(path, () =>
        {
            if ((FileFacts.OfPath(path).Permissions & 0x7 /* others */) != 0) throw ServerErrors.BadSettings(path, "it has a secret in it, and everybody on this host may use it: chmod o= it");
            return File.ReadLines(path).FirstOrDefault();
        });
        return string.IsNullOrWhiteSpace(line) ? throw ServerErrors.BadSettings(path, "its first line is empty, where a secret should be") : line;
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : throw ServerErrors.BadSettings($"${name}", "it is not set in the environment");

    private static ServerSettings Read(string file)
    {
        var json = Readable(file, () => FileFacts.OfPath(file).LengthBytes <= LimitBytes ? File.ReadAllBytes(file) : throw ServerErrors.BadSettings(file, $"it is longer than {LimitBytes} bytes"));
        try
        {
            return JsonSerializer.Deserialize<ServerSettings>(json, Json) ?? throw ServerErrors.BadSettings(file, "it is null");
        }
        catch (JsonException e)
        {
            throw ServerErrors.BadSettings(file, $"line {(e.LineNumber ?? 0) + 1}: {e.Message}");
        }
    }

    /// <summary>Reads a file that somebody named; that it cannot be read is their mistake, and no fault of ours.</summary>
    private static T Readable<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (PosixException e)
        {
            throw ServerErrors.BadSettings(file, e.Said, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ServerErrors.BadSettings(file, e.Message.TrimEnd('.'), e);
        }
    }

    private static string Beside(string file, string path) => Path.GetFullPath(path, Path.GetDirectoryName(file)!);

    private static int Count(string file, string field, int value) => value is >= 1 and <= 1_000_000 ? value : throw ServerErrors.BadSettings(file, $"{field}: it should be from 1 to 1,000,000");

    private static double Number(double value) => double.IsFinite(value) ? Math.Clamp(value, 0, 1e6) : 0;

    private static TimeSpan Span(string file, string field, TimeSpan value) =>
        value >= TimeSpan.FromMinutes(1) && value <= TimeSpan.FromDays(30) ? value : throw ServerErrors.BadSettings(file, $"{field}: it should be from a minute to 30 days");
}
