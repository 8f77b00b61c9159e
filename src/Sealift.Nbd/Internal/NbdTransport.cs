using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sealift.Nbd;

/// <summary>The byte stream to a server: a socket, with TLS on it once it was asked for.</summary>
internal sealed class NbdTransport : IAsyncDisposable
{
    // A chain of certificates is a few KiB; more is the wrong file.
    private const int MaxPemBytes = 1 << 20;

    private readonly Socket socket;

    private NbdTransport(Socket socket, NbdUri uri)
    {
        this.socket = socket;
        Peer = uri.ToString();
        Stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>How messages name the server.</summary>
    public string Peer { get; }

    public Stream Stream { get; private set; }

    public static async Task<NbdTransport> ConnectAsync(NbdUri uri, CancellationToken cancel)
    {
        Socket? socket = null;
        try
        {
            if (uri.SocketPath is not null)
            {
                var path = new UnixDomainSocketEndPoint(uri.SocketPath);
                socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(path, cancel);
            }
            else
            {
                // Without Nagle: a request must not wait for the acknowledgement of the one before.
                socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(uri.Host!, uri.Port, cancel);
            }
            return new NbdTransport(socket, uri);
        }
        catch (Exception e)
        {
            socket?.Dispose();
            if (e is SocketException) throw NbdErrors.ConnectFailed(uri.ToString(), e.Message, e);
            if (e is ArgumentException) throw NbdErrors.BadUri(uri.ToString(), "the path of the socket is longer than the system allows (108 bytes)");
            throw;
        }
    }

    /// <summary>Puts TLS on the stream. Nothing may have been read beyond the server's agreement.</summary>
    public async Task SecureAsync(NbdTls tls, string serverName, CancellationToken cancel)
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = serverName,
            // Private authorities seldom publish revocation lists, and a lookup would be a connection that nobody asked for.
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        using var client = LoadClient(tls);
        var authorities = LoadAuthorities(tls);
        try
        {
            if (authorities is not null)
            {
                options.CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                    DisableCertificateDownloads = true,
                };
                options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
            }
            if (client is not null) options.ClientCertificateContext = SslStreamCertificateContext.Create(client, LoadChain(tls), offline: true);
            var secured = new SslStream(Stream, leaveInnerStreamOpen: false);
            Stream = secured;
            await secured.AuthenticateAsClientAsync(options, cancel);
        }
        catch (Exception e) when (e is AuthenticationException or CryptographicException)
        {
            throw NbdErrors.TlsFailed(Peer, Printable.Of(e.InnerException is null ? e.Message : $"{e.Message} ({e.InnerException.Message})"), e);
        }
        finally
        {
            foreach (var authority in authorities ?? []) authority.Dispose();
        }
    }

    /// <summary>Throws where the credentials cannot work, before anything is sent.</summary>
    public static void Check(NbdTls tls, string peer)
    {
        if (tls.PskFile is not null) throw NbdErrors.PskUnsupported(peer, tls.PskFile);
        if (tls.ClientCertificateFile is null != tls.ClientKeyFile is null)
            throw NbdErrors.BadCredentials(tls.ClientCertificateFile ?? tls.ClientKeyFile!, "a client certificate and its key must be given together");
        using var client = LoadClient(tls);
        foreach (var authority in LoadAuthorities(tls) ?? []) authority.Dispose();
    }

    /// <summary>Ends every pending read and write at once.</summary>
    public void Abort() => socket.Dispose();

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return Stream.DisposeAsync();
    }

    private static X509Certificate2? LoadClient(NbdTls tls)
    {
        if (tls.ClientCertificateFile is null || tls.ClientKeyFile is null) return null;
        var certificate = ReadPem(tls.ClientCertificateFile);
        var key = ReadPem(tls.ClientKeyFile);
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw NbdErrors.BadCredentials(tls.ClientCertificateFile, $"with {tls.ClientKeyFile}: {e.Message}", e);
        }
    }

    private static X509Certificate2Collection? LoadAuthorities(NbdTls tls)
    {
        if (tls.CaFile is null) return null;
        var authorities = LoadCertificates(tls.CaFile);
        return authorities.Count > 0 ? authorities : throw NbdErrors.BadCredentials(tls.CaFile, "it holds no certificate");
    }

    // The certificates after the first are the chain above it.
    private static X509Certificate2Collection LoadChain(NbdTls tls)
    {
        var chain = LoadCertificates(tls.ClientCertificateFile!);
        if (chain.Count > 0)
        {
            chain[0].Dispose();
            chain.RemoveAt(0);
        }
        return chain;
    }

    private static X509Certificate2Collection LoadCertificates(string file)
    {
        var pem = ReadPem(file);
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw NbdErrors.BadCredentials(file, e.Message, e);
        }
        return certificates;
    }

    private static string ReadPem(string file)
    {
        try
        {
            var lengthBytes = new FileInfo(file).Length;
            return lengthBytes <= MaxPemBytes ? File.ReadAllText(file) : throw NbdErrors.BadCredentials(file, $"{lengthBytes} bytes is too much for PEM certificates");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NbdErrors.BadCredentials(file, e.Message, e);
        }
    }
}
