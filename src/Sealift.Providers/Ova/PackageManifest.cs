using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Ova;

/// <summary>One line of a manifest.</summary>
/// <param name="Algorithm">The digest.</param>
/// <param name="Name">The file, normalised.</param>
/// <param name="Digest">Lower-case hexadecimal.</param>
internal sealed record ManifestLine(HashAlgorithmName Algorithm, string Name, string Digest);

/// <summary>The manifest of a package (DSP0243 2.1.1, section 6.3): lines such as <c>SHA256(disk.vmdk)= 1f…</c>.</summary>
internal static partial class PackageManifest
{
    public const int MaxBytes = 4 << 20;
    private const int ChunkBytes = 1 << 20;

    /// <summary>Parses a manifest strictly: a line that is not understood is an error, because it may be the one that matters.</summary>
    /// <exception cref="SealiftException">SL6110 for a line that is not one, SL6103 for a bad name.</exception>
    public static IReadOnlyList<ManifestLine> Parse(byte[] content, string manifest)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (ArgumentException)
        {
            throw ProviderErrors.BadManifest(manifest, 1, "it is not UTF-8 text");
        }

        var lines = new List<ManifestLine>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in text.TrimStart('\uFEFF').Split('\n'))
        {
            number++;
            var trimmed = line.Trim();
            if (trimmed.Length == 0) continue;
            var match = Line().Match(trimmed);
            if (!match.Success) throw ProviderErrors.BadManifest(manifest, number, "it is not 'SHA256(file)= digest' (or SHA1, SHA512)");
            var (algorithm, digits) = match.Groups["bits"].Value switch
            {
                "1" => (HashAlgorithmName.SHA1, 40),
                "256" => (HashAlgorithmName.SHA256, 64),
                _ => (HashAlgorithmName.SHA512, 128),
            };
            var digest = match.Groups["digest"].Value;
            if (digest.Length != digits) throw ProviderErrors.BadManifest(manifest, number, $"a digest of {digest.Length} digits is not {algorithm.Name}'s {digits}");
            var name = PackageName.Normalize(match.Groups["name"].Value, manifest);
            if (!names.Add(name)) throw ProviderErrors.BadManifest(manifest, number, $"'{name}' is listed twice");
            if (lines.Count == TarArchive.MaxMembers) throw ProviderErrors.TooMany(manifest, "lines", TarArchive.MaxMembers);
            lines.Add(new ManifestLine(algorithm, name, digest.ToLowerInvariant()));
        }

        return lines;
    }

    /// <summary>Reads a member completely and compares its digest.</summary>
    /// <exception cref="SealiftException">SL6111: it is not the file that the manifest describes.</exception>
    public static void Verify(ManifestLine line, ImageLocation where, string manifest, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        using var file = PosixFile.Open(where.Path, OpenMode.Read);
        var lengthBytes = Unpacking.LengthOf(file, where);
        using var hash = IncrementalHash.CreateHash(line.Algorithm);
        var buffer = new byte[ChunkBytes];
        for (long done = 0; done < lengthBytes;)
        {
            cancel.ThrowIfCancellationRequested();
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, lengthBytes - done));
            file.ReadExactlyAt(chunk, where.Offset + done);
            hash.AppendData(chunk);
            done += chunk.Length;
            progress?.Report(new DiskProgress(done, lengthBytes, done));
        }

        var found = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (found != line.Digest) throw ProviderErrors.DigestMismatch(manifest, line, found);
    }

    // VMware writes "SHA256(a.vmdk)= …", VirtualBox "SHA1 (a.vmdk) = …", OpenSSL 3 "SHA2-256(a.vmdk)= …".
    [GeneratedRegex(@"^SHA(?:2-)?(?<bits>1|256|512) ?\((?<name>.+)\) ?= ?(?<digest>[0-9A-Fa-f]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Line();
}
