using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Sealift.Posix;

namespace Sealift.Server.Security;

/// <summary>The certificate that the server shows.</summary>
internal static class ServerCertificate
{
    /// <summary>Reads it, with its key and those that sign it.</summary>
    /// <returns>The server's own first.</returns>
    /// <exception cref="SealiftException">SL9005: it cannot be used, or others may read the key.</exception>
    public static X509Certificate2Collection Read(string certificateFile, string keyFile)
    {
        try
        {
            if ((FileFacts.OfPath(keyFile).Permissions & 0x7 /* others */) != 0) throw ServerErrors.BadCertificate(keyFile, "everybody on this host may use the key");
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificateFile);
            if (chain.Count == 0) throw ServerErrors.BadCertificate(certificateFile, "there is no certificate in it");
            using var withKey = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            // Away from the file: what TLS uses must not be read again from a file that is replaced meanwhile.
            chain[0] = X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
            return chain;
        }
        catch (PosixException e)
        {
            throw ServerErrors.BadCertificate(keyFile, e.Said, e);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw ServerErrors.BadCertificate(certificateFile, e.Message.TrimEnd('.'), e);
        }
    }
}
