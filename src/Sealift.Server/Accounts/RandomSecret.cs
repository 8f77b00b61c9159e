using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Sealift.Server.Accounts;

/// <summary>Secrets of 256 random bits. Nobody guesses one, so that a plain hash of it may lie in the database.</summary>
internal static class RandomSecret
{
    /// <summary>Characters of one.</summary>
    public const int Characters = 43;

    /// <summary>A new one, base64url.</summary>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is kept of it: its SHA-256.</summary>
    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>Whether a secret is that of a hash, in a time that tells nothing.</summary>
    public static bool Matches(string secret, string hash) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Hash(secret)), Encoding.UTF8.GetBytes(hash));
}
