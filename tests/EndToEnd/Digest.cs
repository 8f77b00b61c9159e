using System.Security.Cryptography;

namespace Sealift.EndToEnd;

/// <summary>SHA-256 of whole files, to compare them byte for byte.</summary>
internal static class Digest
{
    public static string OfFile(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
