using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sealift.Bench.Copies;

/// <summary>An authority, a server called localhost and a client, good for a day, with the names that nbdkit and nbdcopy look for.</summary>
internal static class Certificates
{
    public static void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        var now = DateTimeOffset.UtcNow;
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=An authority of a benchmark", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using var authority = request.CreateSelfSigned(now.AddHours(-2), now.AddDays(1));
        File.WriteAllText(Path.Combine(directory, "ca-cert.pem"), authority.ExportCertificatePem());
        WriteLeaf(directory, "server", "localhost", "1.3.6.1.5.5.7.3.1", authority);
        WriteLeaf(directory, "client", "client", "1.3.6.1.5.5.7.3.2", authority);
    }

    private static void WriteLeaf(string directory, string role, string name, string purpose, X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), authority.NotAfter, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(directory, $"{role}-cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(directory, $"{role}-key.pem"), key.ExportPkcs8PrivateKeyPem());
    }
}
