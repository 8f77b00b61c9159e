using System.Net;
using System.Net.Http.Headers;

namespace Sealift.VSphere;

/// <summary>
/// Requests and replies over HTTPS. The session is a cookie, which is kept here, in memory, and sent to this one server only: there are
/// no redirects, no proxies and no other protocols.
/// </summary>
internal sealed class SoapHttp : IDisposable
{
    private const string CookieName = "vmware_soap_session";
    private const int CookieLimitCharacters = 4096;
    private const int ConnectionLimit = 16; // each question for changes occupies one as long as it waits

    private readonly VSphereOptions options;
    private readonly Uri address;
    private readonly HttpClient http;
    private volatile string? cookie;
    private volatile string? refusedCertificate;
    private volatile ServerCertificate? certificate;

    public SoapHttp(VSphereOptions options)
    {
        this.options = options;
        address = Check(options);
        Peer = address.IsDefaultPort ? address.Host : address.Authority;
        http = HttpConnections.Open(options, options.Trust, ConnectionLimit, said => refusedCertificate = said, shown => certificate = shown);
    }

    /// <summary>How messages name the server.</summary>
    public string Peer { get; }

    /// <summary>The session, as it is sent with each request; null before there is one.</summary>
    public string? Cookie => cookie;

    /// <summary>The certificate that was trusted last; null before the first connection.</summary>
    public ServerCertificate? Certificate => certificate;

    /// <summary>What the server is told to be spoken to in: <c>urn:vim25/8.0.3.0</c>.</summary>
    public string Action { get; set; } = "urn:vim25";

    /// <summary>Reads a document of the API that needs no session.</summary>
    /// <param name="name">What is read, below the API's path.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>The document; null where the server has none of that name.</returns>
    /// <exception cref="VSphereException">SL3302, SL3303, SL3304, SL3305.</exception>
    public async Task<VimElement?> GetAsync(string name, CancellationToken cancel)
    {
        var attempt = $"read {name}";
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"{address.AbsoluteUri}/{name}"));
        var (status, document, _) = await SendAsync(attempt, Peer, request, options.ReplyDeadline, cancel);
        if (status == HttpStatusCode.NotFound) return null;
        if (status != HttpStatusCode.OK) throw VSphereErrors.NotUnderstood(attempt, Peer, $"HTTP status {(int)status}");
        return document;
    }

    /// <summary>Asks, and hears the answer.</summary>
    /// <param name="operation">What is asked.</param>
    /// <param name="subject">What errors name.</param>
    /// <param name="body">The request.</param>
    /// <param name="startsSession">Whether it logs in: then it is sent without a session, and its answer has the new one.</param>
    /// <param name="deadline">How long the whole answer may take.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>The response element.</returns>
    /// <exception cref="VSphereException">SL3302, SL3303, SL3304, SL3305.</exception>
    /// <exception cref="VSphereFaultException">The server refused.</exception>
    public async Task<VimElement> PostAsync(string operation, string subject, byte[] body, bool startsSession, TimeSpan deadline, CancellationToken cancel)
    {
        var attempt = $"run {operation}";
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(body), Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("text/xml", "utf-8");
        request.Headers.Add("SOAPAction", $"\"{Action}\"");
        // As it came: what a server chose for its cookie need not be what the framework would let us choose.
        if (!startsSession && cookie is { } session && !request.Headers.TryAddWithoutValidation("Cookie", session)) throw VSphereErrors.NotUnderstood(attempt, subject, "its session cookie cannot be sent back");
        var (status, document, newCookie) = await SendAsync(attempt, subject, request, deadline, cancel);
        if (document?.Name != "Envelope" || document.Find("Body") is not { Children: [var said, ..] })
            throw VSphereErrors.NotUnderstood(attempt, subject, $"HTTP status {(int)status} and no SOAP envelope");
        if (said.Name == "Fault") throw VSphereErrors.Refused(attempt, subject, VSphereFault.OfSoap(said));
        if (status != HttpStatusCode.OK || said.Name != operation + "Response")
            throw VSphereErrors.NotUnderstood(attempt, subject, $"HTTP status {(int)status} and a '{said.Name}'");
        if (startsSession) cookie = newCookie ?? throw VSphereErrors.NotUnderstood(attempt, subject, $"there is no {CookieName} cookie with it");
        return said;
    }

    public void Dispose() => http.Dispose();

    private static Uri Check(VSphereOptions options)
    {
        var asked = options.Address;
        if (!asked.IsAbsoluteUri || asked.Scheme != Uri.UriSchemeHttps || asked.Host.Length == 0) throw Bad("it is no https://HOST[:PORT]");
        if (asked.UserInfo.Length > 0) throw Bad("user and password do not belong into an address");
        if (asked.Query.Length > 0 || asked.Fragment.Length > 0) throw Bad("it has a query or a fragment");
        return new UriBuilder(asked) { Path = asked.AbsolutePath.Trim('/') is { Length: > 0 } path ? path : "sdk" }.Uri;

        VSphereException Bad(string said) => VSphereErrors.BadOption("address", asked.IsAbsoluteUri ? asked.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped) : "(no absolute URI)", said);
    }

    private async Task<(HttpStatusCode Status, VimElement? Document, string? Cookie)> SendAsync(string attempt, string subject, HttpRequestMessage request, TimeSpan deadline, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        try
        {
            using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            // Whoever answers so stands before the server, and does not know what became of the request: one that waits, or a server's own gate while what is behind it starts.
            if (reply.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout)
                throw VSphereErrors.Lost(attempt, subject, $"HTTP status {(int)reply.StatusCode}: what is before the server does not reach it");
            var type = reply.Content.Headers.ContentType?.MediaType;
            if (type is not ("text/xml" or "application/xml" or "application/soap+xml"))
            {
                return reply.StatusCode == HttpStatusCode.NotFound
                    ? (reply.StatusCode, null, null)
                    : throw VSphereErrors.NotUnderstood(attempt, subject, $"HTTP status {(int)reply.StatusCode} and {(type is null ? "no content type" : $"content of type '{type}'")}, where XML was expected");
            }

            using var content = await ReadAsync(reply.Content, limit.Token);
            return (reply.StatusCode, reply.StatusCode == HttpStatusCode.NotFound ? null : VimXml.Parse(content), CookieOf(reply));
        }
        catch (InvalidDataException e)
        {
            throw VSphereErrors.NotUnderstood(attempt, subject, e.Message, e);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException or ObjectDisposedException)
        {
            throw HttpFailure.Of(e, attempt, subject, limit.IsCancellationRequested, deadline, options, refusedCertificate);
        }
    }

    private async Task<MemoryStream> ReadAsync(HttpContent content, CancellationToken cancel)
    {
        if (content.Headers.ContentEncoding.Count > 0) throw new InvalidDataException($"it is encoded as '{string.Join(", ", content.Headers.ContentEncoding)}', which was not asked for");
        var tooLong = $"it has more than {options.ReplyLimitBytes} bytes";
        if (content.Headers.ContentLength > options.ReplyLimitBytes) throw new InvalidDataException(tooLong);
        var buffer = new MemoryStream();
        await using var stream = await content.ReadAsStreamAsync(cancel);
        var part = new byte[64 << 10];
        int n;
        while ((n = await stream.ReadAsync(part, cancel)) > 0)
        {
            if (buffer.Length + n > options.ReplyLimitBytes) throw new InvalidDataException(tooLong);
            buffer.Write(part, 0, n);
        }

        buffer.Position = 0;
        return buffer;
    }

    private static string? CookieOf(HttpResponseMessage reply)
    {
        if (!reply.Headers.TryGetValues("Set-Cookie", out var cookies)) return null;
        var session = cookies.Select(c => c.Split(';')[0].Trim()).FirstOrDefault(c => c.StartsWith(CookieName + "=", StringComparison.Ordinal));
        return session?.Length > CookieLimitCharacters ? throw new InvalidDataException("its session cookie is too long") : session;
    }
}
