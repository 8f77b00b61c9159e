using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sealift.VSphere;

/// <summary>How a server's certificate is judged: by the authorities of this host, by those in a file, or by its own thumbprint. There is no way to leave it out.</summary>
public sealed class ServerTrust
{
    private const int Sha1Bytes = 20;
    private const int Sha256Bytes = 32;

    private readonly byte[]? thumbprint;
    private readonly X509Certificate2Collection? authorities;
    private readonly string text;

    private ServerTrust(string text, byte[]? thumbprint, X509Certificate2Collection? authorities) => (this.text, this.thumbprint, this.authorities) = (text, thumbprint, authorities);

    /// <summary>A certificate that an authority of this host has signed for the server's name.</summary>
    public static ServerTrust System { get; } = new("the authorities of this host", null, null);

    /// <summary>This one certificate, whoever signed it, whatever name is in it.</summary>
    /// <param name="thumbprint">The SHA-256 or SHA-1 digest of the certificate, in hexadecimal, with or without colons. SHA-1 is what older consoles show; SHA-256 is the better proof.</param>
    /// <exception cref="VSphereException">SL3301: it is neither.</exception>
    public static ServerTrust Pinned(string thumbprint)
    {
        ArgumentNullException.ThrowIfNull(thumbprint);
        var hex = thumbprint.Trim().Replace(":", string.Empty, StringComparison.Ordinal);
        if (hex.Length is not (2 * Sha1Bytes or 2 * Sha256Bytes) || !hex.All(char.IsAsciiHexDigit))
            throw VSphereErrors.BadOption("thumbprint", thumbprint, "a thumbprint is the SHA-256 or SHA-1 of the certificate: 64 or 40 hexadecimal digits");
        return new ServerTrust($"the thumbprint {thumbprint.Trim()}", Convert.FromHexString(hex), null);
    }

    /// <summary>A certificate that one of these authorities has signed for the server's name.</summary>
    /// <param name="file">A PEM file with one authority or several.</param>
    /// <exception cref="VSphereException">SL3301: it cannot be read, or holds no certificate.</exception>
    public static ServerTrust Authorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw VSphereErrors.BadOption("file of authorities", file, e.Message);
        }

        if (authorities.Count == 0) throw VSphereErrors.BadOption("file of authorities", file, "there is no certificate in it (PEM)");
        return new ServerTrust($"the authorities in {file}", null, authorities);
    }

    /// <inheritdoc/>
    public override string ToString() => text;

    /// <summary>Sets TLS up.</summary>
    /// <param name="options">What is set up.</param>
    /// <param name="onRefused">Told why a certificate is refused.</param>
    /// <param name="onTrusted">Told which certificate is accepted.</param>
    [SuppressMessage("Security", "CA5359", Justification = "It accepts one certificate by its digest, which is stricter than any chain, or what the framework accepts.")]
    internal void Apply(SslClientAuthenticationOptions options, Action<string> onRefused, Action<ServerCertificate>? onTrusted = null)
    {
        options.CertificateRevocationCheckMode = X509RevocationMode.NoCheck;
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

        options.RemoteCertificateValidationCallback = (_, certificate, _, problems) =>
        {
            if (certificate is null)
            {
                onRefused("it shows no certificate");
                return false;
            }

            var raw = certificate.GetRawCertData();
            var shown = Convert.ToHexString(SHA256.HashData(raw));
            if (thumbprint is not null)
            {
                var digest = thumbprint.Length == Sha256Bytes ? SHA256.HashData(raw) : SHA1.HashData(raw);
                if (CryptographicOperations.FixedTimeEquals(digest, thumbprint)) return Trusted();
                onRefused($"its certificate ({certificate.Subject}) is another one: its SHA-256 is {shown}, its SHA-1 {Convert.ToHexString(SHA1.HashData(raw))}");
                return false;
            }

            if (problems == SslPolicyErrors.None) return Trusted();
            var why = problems.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "is not for this name" : $"is not signed by {this}, or is not valid now";
            onRefused($"its certificate ({certificate.Subject}) {why}; its SHA-256 is {shown}");
            return false;

            bool Trusted()
            {
                onTrusted?.Invoke(ServerCertificate.Of(raw));
                return true;
            }
        };
    }
}
