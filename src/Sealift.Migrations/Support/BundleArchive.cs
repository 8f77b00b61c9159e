using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Sealift.Migrations.Support;

/// <summary>Writes the files of a bundle as a gzipped tar (POSIX.1-1988, ustar): the summary first, the manifest last.</summary>
internal static class BundleArchive
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes it. The stream stays open.</summary>
    /// <returns>What could not be written as it was gathered: a sentence each.</returns>
    public static async Task<IReadOnlyList<string>> WriteAsync(string directory, DateTimeOffset at, BundledFile summary, IReadOnlyList<BundledFile> files, Redaction redaction, Stream output, CancellationToken cancel)
    {
        var late = new List<string>();
        var written = new List<BundledFile>();
        await using var zip = new GZipStream(output, CompressionLevel.Optimal, leaveOpen: true);
        await using var tar = new TarWriter(zip, TarEntryFormat.Ustar, leaveOpen: true);
        foreach (var file in files.Prepend(summary))
        {
            cancel.ThrowIfCancellationRequested();
            var content = file.Content ?? Again(file, redaction, late);
            if (content is null) continue;
            await PutAsync(tar, $"{directory}/{file.Name}", content, at, cancel);
            written.Add(file);
        }

        await PutAsync(tar, $"{directory}/MANIFEST.json", Manifest(directory, at, written, late), at, cancel);
        return late;
    }

    /// <summary>A block map, unless it is another one by now.</summary>
    private static byte[]? Again(BundledFile file, Redaction redaction, List<string> late)
    {
        using var found = FoundFile.Open(file.Map!.Path, file.Map, out var why);
        if (found is null || found.LengthBytes != file.LengthBytes)
        {
            late.Add($"{file.Name}: {(found is null ? redaction.Text(why) : "it changed while the bundle was written")}.");
            return null;
        }

        try
        {
            var content = found.Read();
            if (Convert.ToHexStringLower(SHA256.HashData(content)) == file.Sha256) return content;
            late.Add($"{file.Name}: it changed while the bundle was written.");
        }
        catch (Posix.SealiftException e)
        {
            late.Add($"{file.Name}: {redaction.Text(e.Message)}");
        }

        return null;
    }

    private static async Task PutAsync(TarWriter tar, string name, byte[] content, DateTimeOffset at, CancellationToken cancel)
    {
        await using var data = new MemoryStream(content, writable: false);
        await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data, Mode = Mode, ModificationTime = at }, cancel);
    }

    private static byte[] Manifest(string directory, DateTimeOffset at, IReadOnlyList<BundledFile> files, IReadOnlyList<string> late)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("bundle", directory);
            writer.WriteNumber("version", 1);
            writer.WriteString("madeAt", at.UtcDateTime);
            writer.WriteString("sealift", ToolVersions.Sealift);
            writer.WriteStartArray("files");
            foreach (var file in files)
            {
                writer.WriteStartObject();
                writer.WriteString("name", file.Name);
                writer.WriteNumber("lengthBytes", file.LengthBytes);
                writer.WriteString("sha256", file.Sha256);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteStartArray("leftOutWhileWriting");
            foreach (var one in late) writer.WriteStringValue(one);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return [.. buffer.ToArray(), .. Encoding.ASCII.GetBytes("\n")];
    }
}
