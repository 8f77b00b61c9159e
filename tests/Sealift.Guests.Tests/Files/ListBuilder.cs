using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Sealift.Guests.Files;

namespace Sealift.Guests.Tests.Files;

/// <summary>Lists of files as the appliance makes them, without one.</summary>
internal static class ListBuilder
{
    public static byte[] Record(string path, string attributes = "f 10 644 0:0 100 1700000000.5 1700000001.5", string target = "") => Record(Encoding.UTF8.GetBytes(path), attributes, target);

    public static byte[] Record(byte[] path, string attributes = "f 10 644 0:0 100 1700000000.5 1700000001.5", string target = "") =>
        [.. Encoding.UTF8.GetBytes(attributes + "\0."), .. path, 0, .. Encoding.UTF8.GetBytes(target), 0];

    public static byte[] Pack(IEnumerable<byte[]> records, bool isWhole = true)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            foreach (var record in records) gzip.Write(record);
            if (isWhole) gzip.Write("end\0\0\0"u8);
        }

        return packed.ToArray();
    }

    /// <summary>Writes a list into a directory.</summary>
    public static FileList Write(string directory, string name, IEnumerable<byte[]> records, string type = "ext4", bool isWhole = true)
    {
        var content = Pack(records, isWhole);
        File.WriteAllBytes(Path.Combine(directory, name), content);
        return new FileList("fs", "disk1 partition 1, ext4", "/", type, name, records.Count(), Convert.ToHexStringLower(SHA256.HashData(content)), string.Empty);
    }
}
