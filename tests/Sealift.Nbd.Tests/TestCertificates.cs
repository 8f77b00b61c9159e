using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sealift.Nbd.Tests;

/// <summary>An authority, a server for <c>localhost</c> and a client, as PEM files with the names that nbdkit and qemu-nbd look for.</summary>
internal static class TestCertificates
{
    public static void Write(string directory, string serverName = "localhost", bool isExpired = false)
    {
        Directory.CreateDirectory(directory);
        var now = DateTimeOffset.UtcNow;
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using var authority = request.CreateSelfSigned(now.AddDays(-10), now.AddDays(10));
        File.WriteAllText(Path.Join(directory, "ca-cert.pem"), authority.ExportCertificatePem());
        foreach (var (role, name, oid) in new[] { ("server", serverName, "1.3.6.1.5.5.7.3.1"), ("client", "a client", "1.3.6.1.5.5.7.3.2") })
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var leaf = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
            leaf.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
            leaf.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
            leaf.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(oid)], false));
            if (role == "server")
            {
                var names = new SubjectAlternativeNameBuilder();
                names.AddDnsName(serverName);
                leaf.CertificateExtensions.Add(names.Build());
            }
            using var certificate = leaf.Create(authority, now.AddDays(-9), isExpired ? now.AddDays(-1) : now.AddDays(9), RandomNumberGenerator.GetBytes(8));
            File.WriteAllText(Path.Join(directory, role + "-cert.pem"), certificate.ExportCertificatePem());
            File.WriteAllText(Path.Join(directory, role + "-key.pem"), key.ExportPkcs8PrivateKeyPem());
        }
    }

    public static NbdTls Client(string directory) => new()
    {
        CaFile = Path.Join(directory, "ca-cert.pem"),
        ClientCertificateFile = Path.Join(directory, "client-cert.pem"),
        ClientKeyFile = Path.Join(directory, "client-key.pem"),
    };
}
