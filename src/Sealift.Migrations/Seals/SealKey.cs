using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>
/// The key that signs seals: ECDSA on P-256 with SHA-256, kept as unencrypted PKCS#8 PEM in <c>keys/seal.key</c> of the state
/// directory (mode 0600 in a directory of mode 0700), with its public half as <c>seal.pub</c> beside it.
/// </summary>
public sealed class SealKey : IDisposable
{
    private const int OwnerOnlyDirectory = 0x1C0 /* 0700 */, OwnerOnlyFile = 0x180 /* 0600 */, Others = 0x3F /* 0077 */;
    private static readonly Lock Making = new();
    private readonly ECDsa key;

    private SealKey(ECDsa key, string publicKeyPath)
    {
        this.key = key;
        Public = SealPublicKey.Of(key);
        PublicKeyPath = publicKeyPath;
    }

    /// <summary>The half that verifies.</summary>
    public SealPublicKey Public { get; }

    /// <summary>The file that holds <see cref="Public"/>: what an auditor is given.</summary>
    public string PublicKeyPath { get; }

    /// <summary>Lower-case hex of the SHA-256 of the public key's SubjectPublicKeyInfo (DER).</summary>
    public string KeyId => Public.KeyId;

    /// <summary>Where the public key of a state directory is.</summary>
    public static string PublicKeyPathOf(string stateDirectory) => Path.Combine(stateDirectory, "keys", "seal.pub");

    /// <summary>Opens the key of a state directory, making it on first use. Safe against another process doing the same.</summary>
    /// <param name="stateDirectory">The state directory; <c>keys/</c> below it is made with mode 0700.</param>
    /// <exception cref="SealiftException">Others can reach the key (SL7502), it is no such key (SL7503), or the public key beside it is another's (SL7505).</exception>
    public static SealKey OpenOrCreate(string stateDirectory)
    {
        lock (Making)
        {
            var directory = Path.Combine(stateDirectory, "keys");
            PosixPath.EnsureDirectory(stateDirectory, OwnerOnlyDirectory);
            PosixPath.EnsureDirectory(directory, OwnerOnlyDirectory);
            var permissions = FileFacts.OfPath(directory, followLinks: false).Permissions;
            if ((permissions & Others) != 0) throw SealErrors.KeyExposed(directory, permissions, "700");

            var path = Path.Combine(directory, "seal.key");
            if (FileFacts.OfPathIfExists(path) is null) Make(path);
            var key = Read(path);
            try
            {
                var sealKey = new SealKey(key, PublicKeyPathOf(stateDirectory));
                sealKey.EnsurePublicKey();
                return sealKey;
            }
            catch
            {
                key.Dispose();
                throw;
            }
        }
    }

    /// <summary>Signs; the signature is the DER form that <c>openssl dgst -sha256 -verify</c> takes.</summary>
    public byte[] Sign(ReadOnlySpan<byte> message) => key.SignData(message, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <inheritdoc/>
    public void Dispose() => key.Dispose();

    // The finished file appears under its name at once or not at all: of two processes, one wins and both use its key.
    private static void Make(string path)
    {
        using var fresh = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = Encoding.ASCII.GetBytes(fresh.ExportPkcs8PrivateKeyPem() + "\n");
        var temporary = $"{path}.{Environment.ProcessId}.new";
        _ = PosixPath.RemoveFile(temporary); // false: no earlier process of this id died while it wrote one
        using (var file = PosixFile.Open(temporary, OpenMode.ReadWrite | OpenMode.CreateNew, OwnerOnlyFile))
        {
            file.WriteAt(pem, 0);
            file.Sync();
        }

        CryptographicOperations.ZeroMemory(pem);
        try
        {
            PosixPath.Rename(temporary, path, replace: false);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            // Another process was first: its key is the key. And nobody but us knows ours.
            _ = PosixPath.RemoveFile(temporary); // false: somebody removed it already, which is what is wanted
        }
    }

    private static ECDsa Read(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow);
        var facts = file.Facts();
        if ((facts.Permissions & Others) != 0) throw SealErrors.KeyExposed(path, facts.Permissions, "600");
        var pem = SmallFile.ReadText(file, SealPublicKey.MaxPemBytes) ?? throw SealErrors.NotAKey(path, "it is too large for a key");
        return SealPublicKey.Import(pem, path);
    }

    private void EnsurePublicKey()
    {
        var pem = Public.ToPem();
        if (FileFacts.OfPathIfExists(PublicKeyPath) is null)
        {
            PosixPath.WriteFileDurably(PublicKeyPath, Encoding.ASCII.GetBytes(pem), replace: true);
            return;
        }

        using var there = SealPublicKey.Open(PublicKeyPath);
        if (there.KeyId != KeyId) throw SealErrors.PublicKeyForeign(PublicKeyPath);
    }
}
