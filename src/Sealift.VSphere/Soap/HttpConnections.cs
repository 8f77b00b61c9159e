using System.Net;
using System.Net.Security;
using System.Security.Authentication;

namespace Sealift.VSphere;

/// <summary>How servers are connected to, whatever is asked of them: no redirects, no proxies, no cookies but our own, and nothing is sent to whom is not trusted.</summary>
internal static class HttpConnections
{
    private const int HeaderLimitKiB = 64;
    // A server closes what is idle; a request that meets that moment is one whose outcome nobody knows.
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(20);

    /// <summary>A client that connects so.</summary>
    /// <param name="options">The limits.</param>
    /// <param name="trust">How certificates are judged.</param>
    /// <param name="connectionLimit">The most connections to one server.</param>
    /// <param name="refused">Told why a certificate was refused.</param>
    /// <param name="trusted">Told which was trusted; null for nobody.</param>
    public static HttpClient Open(VSphereOptions options, ServerTrust trust, int connectionLimit, Action<string> refused, Action<ServerCertificate>? trusted = null)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.ConnectDeadline,
            MaxConnectionsPerServer = connectionLimit,
            MaxResponseHeadersLength = HeaderLimitKiB,
            PooledConnectionIdleTimeout = IdleLimit,
            UseCookies = false,
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions { EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 },
        };
        trust.Apply(handler.SslOptions, refused, trusted);
        return new HttpClient(handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
