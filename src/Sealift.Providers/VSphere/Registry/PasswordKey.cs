using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// The key that passwords of providers are encrypted with (AES-256-GCM), in <c>keys/providers.key</c> of the state directory: 32 bytes,
/// mode 0600 in a directory of mode 0700, made when the first password is stored. It lies apart from what it opens, so that a copy of
/// the registry alone opens nothing.
/// </summary>
internal sealed class PasswordKey : IDisposable
{
    /// <summary>The size of the key, in bytes.</summary>
    public const int KeyBytes = 32;

    private const int NonceBytes = 12, TagBytes = 16; // NIST SP 800-38D: what GCM is made for, and the whole tag
    private readonly byte[] key;

    private PasswordKey(byte[] key) => this.key = key;

    /// <summary>Where the key of a state directory is.</summary>
    public static string PathOf(string stateDirectory) => Path.Combine(stateDirectory, "keys", "providers.key");

    /// <summary>Opens the key, making it where there is none. Safe against another process doing the same.</summary>
    /// <exception cref="SealiftException">SL6504: others can reach it; SL6507: it is no such key.</exception>
    public static PasswordKey OpenOrCreate(string stateDirectory)
    {
        var path = PathOf(stateDirectory);
        OwnerOnly.EnsureDirectory(Path.GetDirectoryName(path)!);
        if (FileFacts.OfPathIfExists(path) is null)
        {
            var fresh = GC.AllocateArray<byte>(KeyBytes, pinned: true);
            try
            {
                RandomNumberGenerator.Fill(fresh);
                _ = OwnerOnly.TryWriteNew(path, fresh); // false: another process was first, and its key is the key
            }
            finally
            {
                CryptographicOperations.ZeroMemory(fresh);
            }
        }

        return Open(stateDirectory);
    }

    /// <summary>Opens the key that is there.</summary>
    /// <exception cref="SealiftException">SL6504: others can reach it; SL6507: it is not there, or no such key.</exception>
    public static PasswordKey Open(string stateDirectory)
    {
        var path = PathOf(stateDirectory);
        if (FileFacts.OfPathIfExists(path) is null) throw RegistryErrors.NotAKey(path, "it is not there, and passwords were encrypted with it");
        OwnerOnly.CheckDirectory(Path.GetDirectoryName(path)!);
        var content = OwnerOnly.Read(path, KeyBytes);
        return content?.Length == KeyBytes ? new PasswordKey(content) : throw RegistryErrors.NotAKey(path, $"it does not have {KeyBytes} bytes");
    }

    /// <summary>Encrypts a password.</summary>
    /// <param name="password">The password.</param>
    /// <param name="boundTo">What it is for; only who names the same gets it back.</param>
    /// <returns>The nonce, the tag, and what was encrypted.</returns>
    public byte[] Encrypt(string password, string boundTo)
    {
        var clear = Encoding.UTF8.GetBytes(password);
        try
        {
            var sealedBytes = new byte[NonceBytes + TagBytes + clear.Length];
            var nonce = sealedBytes.AsSpan(0, NonceBytes);
            RandomNumberGenerator.Fill(nonce); // 96 random bits for a handful of passwords: never the same twice
            using var aes = new AesGcm(key, TagBytes);
            aes.Encrypt(nonce, clear, sealedBytes.AsSpan(NonceBytes + TagBytes), sealedBytes.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(boundTo));
            return sealedBytes;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }

    /// <summary>Decrypts a password.</summary>
    /// <param name="encrypted">What <see cref="Encrypt"/> returned.</param>
    /// <param name="boundTo">What it is for.</param>
    /// <returns>The password; null where it was encrypted with another key or for something else, or was changed.</returns>
    public string? Decrypt(ReadOnlySpan<byte> encrypted, string boundTo)
    {
        if (encrypted.Length <= NonceBytes + TagBytes) return null;
        var clear = new byte[encrypted.Length - NonceBytes - TagBytes];
        try
        {
            using var aes = new AesGcm(key, TagBytes);
            aes.Decrypt(encrypted[..NonceBytes], encrypted[(NonceBytes + TagBytes)..], encrypted.Slice(NonceBytes, TagBytes), clear, Encoding.UTF8.GetBytes(boundTo));
            return Encoding.UTF8.GetString(clear);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null; // which the caller says in its own words
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }

    /// <summary>Overwrites the key with zeros.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(key);
}
