using System.Globalization;
using System.Security.Cryptography;

namespace Sealift.VSphere;

/// <summary>The certificate that a server showed, and that was trusted: for programs that recognise it by its digest.</summary>
/// <param name="Sha256">Its SHA-256, as hexadecimal digits.</param>
/// <param name="Sha1">Its SHA-1, as VMware writes thumbprints: <c>AA:BB:…</c>, twenty pairs.</param>
public sealed record ServerCertificate(string Sha256, string Sha1)
{
    internal static ServerCertificate Of(byte[] raw) =>
        new(Convert.ToHexString(SHA256.HashData(raw)), string.Join(':', SHA1.HashData(raw).Select(b => b.ToString("X2", CultureInfo.InvariantCulture))));
}
