using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>The SHA-256 of a file beside a seal.</summary>
public static class FileDigest
{
    private const int ChunkBytes = 1 << 20; // large enough that the calls cost nothing beside the hash

    /// <summary>What a seal says of a file that is there now.</summary>
    /// <param name="role">What it is for.</param>
    /// <param name="path">Where it is; the seal keeps only its name.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">It cannot be read.</exception>
    public static SealedFile Of(string role, string path, CancellationToken cancel = default)
    {
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow); // the file itself, never one that a link names
        var (length, digest) = Hash(file, cancel);
        return new SealedFile(role, Path.GetFileName(path), length, digest);
    }

    /// <summary>How a file differs from what a seal says of it, or null where it does not.</summary>
    internal static string? Differs(string path, SealedFile expected, CancellationToken cancel)
    {
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) return "it is not a regular file"; // opening a pipe would wait for ever
        using var file = PosixFile.Open(path, OpenMode.Read);
        var length = file.Facts().LengthBytes;
        if (length != expected.LengthBytes) return $"it has {Measures.Exact(length)}, sealed were {Measures.Exact(expected.LengthBytes)}";
        var (_, digest) = Hash(file, cancel);
        return digest == expected.Sha256 ? null : $"its SHA-256 is {digest}, sealed was {expected.Sha256}";
    }

    private static (long LengthBytes, string Digest) Hash(PosixFile file, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[ChunkBytes];
        // To the length that it has, and not to a read that brings less: that would seal the digest of a part.
        var length = file.Facts().LengthBytes;
        for (long at = 0; at < length;)
        {
            cancel.ThrowIfCancellationRequested();
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at));
            file.ReadExactlyAt(chunk, at);
            hash.AppendData(chunk);
            at += chunk.Length;
        }

        return (length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
