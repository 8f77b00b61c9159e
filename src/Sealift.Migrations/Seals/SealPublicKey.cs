using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>The key that verifies seals.</summary>
public sealed class SealPublicKey : IDisposable
{
    /// <summary>The most bytes of a key file: a P-256 key takes about 250.</summary>
    internal const int MaxPemBytes = 16 * 1024;

    private const string P256 = "1.2.840.10045.3.1.7"; // RFC 5480, section 2.1.1.1: secp256r1
    private readonly ECDsa key;

    private SealPublicKey(ECDsa key)
    {
        this.key = key;
        KeyId = Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
    }

    /// <summary>Lower-case hex of the SHA-256 of its SubjectPublicKeyInfo (DER).</summary>
    public string KeyId { get; }

    /// <summary>Reads a PEM file.</summary>
    /// <exception cref="SealiftException">It is not a key of the kind (SL7503), or cannot be read.</exception>
    public static SealPublicKey Open(string path)
    {
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw SealErrors.NotAKey(path, "it is not a regular file");
        using var file = PosixFile.Open(path, OpenMode.Read);
        var pem = SmallFile.ReadText(file, MaxPemBytes) ?? throw SealErrors.NotAKey(path, "it is too large for a key");
        using var imported = Import(pem, path);
        return Of(imported);
    }

    /// <summary>Whether a signature, in DER form, of a message is this key's.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        key.VerifyData(message, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>As PEM, SubjectPublicKeyInfo.</summary>
    public string ToPem() => key.ExportSubjectPublicKeyInfoPem() + "\n";

    /// <inheritdoc/>
    public void Dispose() => key.Dispose();

    internal static SealPublicKey Of(ECDsa pair) => new(ECDsa.Create(pair.ExportParameters(includePrivateParameters: false)));

    internal static ECDsa Import(string pem, string path)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != P256) throw SealErrors.NotAKey(path, "its curve is not P-256");
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw SealErrors.NotAKey(path, $"it holds no ECDSA key in PEM form ({e.Message.TrimEnd('.')})", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }
}
