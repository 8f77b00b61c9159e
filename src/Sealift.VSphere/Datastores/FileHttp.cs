using System.Net;
using System.Net.Http.Headers;

namespace Sealift.VSphere;

/// <summary>
/// Requests for files over HTTPS, on connections of their own: whoever reads a disk keeps no question of the API waiting. As there, no
/// redirects, no proxies, and nothing is sent to whom is not trusted.
/// </summary>
internal sealed class FileHttp : IDisposable
{
    private const int ConnectionLimit = 8; // more do not make a host's web server faster, and others use it, too

    private readonly VSphereOptions options;
    private readonly HttpClient http;
    private volatile string? refusedCertificate;

    public FileHttp(VSphereOptions options, ServerTrust trust)
    {
        this.options = options;
        http = HttpConnections.Open(options, trust, ConnectionLimit, said => refusedCertificate = said);
    }

    /// <summary>Asks for a file, or what is known of it, and has the reply read.</summary>
    /// <param name="attempt">What is attempted, for errors.</param>
    /// <param name="subject">What errors name.</param>
    /// <param name="method">The method: GET or HEAD of files.</param>
    /// <param name="address">Where the file is.</param>
    /// <param name="range">The bytes that are wanted; null for all.</param>
    /// <param name="cookie">The session; null for none.</param>
    /// <param name="deadline">How long all of it may take, or each part that the reading allows the same time again.</param>
    /// <param name="read">Judges the reply and reads what is in it; told by what it is stopped.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <param name="prepare">Adds what else the request has; null for nothing.</param>
    /// <exception cref="VSphereException">SL3302, SL3303, SL3304; SL3305: the connection was lost, or it took too long; and what the reading throws.</exception>
    public async Task<T> AskAsync<T>(
        string attempt, string subject, HttpMethod method, Uri address, (long From, long To)? range, string? cookie, TimeSpan deadline,
        Func<HttpResponseMessage, CancellationTokenSource, Task<T>> read, CancellationToken cancel, Action<HttpRequestMessage>? prepare = null)
    {
        using var request = new HttpRequestMessage(method, address) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (range is { } wanted) request.Headers.Range = new RangeHeaderValue(wanted.From, wanted.To);
        if (cookie is not null && !request.Headers.TryAddWithoutValidation("Cookie", cookie)) throw VSphereErrors.NotUnderstood(attempt, subject, "its session cookie cannot be sent back");
        prepare?.Invoke(request);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        try
        {
            using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return await read(reply, limit);
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

    public void Dispose() => http.Dispose();
}
