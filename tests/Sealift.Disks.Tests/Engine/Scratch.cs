using System.Security.Cryptography;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A fresh directory that goes away with the test, and what tests make in it.</summary>
internal sealed class Scratch : IDisposable
{
    public Scratch() => Folder = Directory.CreateTempSubdirectory("disks-").FullName;

    public string Folder { get; }

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>A raw file with random data in the given ranges and holes elsewhere.</summary>
    public string Raw(string name, long lengthBytes, int seed, params (long Offset, int Length)[] data)
    {
        var random = new Random(seed);
        using var file = PosixFile.Open(this[name], OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(lengthBytes);
        foreach (var (offset, length) in data)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            file.WriteAt(bytes, offset);
        }

        return this[name];
    }

    public BlockMap Map(string name, long lengthBytes, BlkhashParameters? parameters = null) => BlockMap.Create(this[name], lengthBytes, parameters ?? BlkhashParameters.Default);

    public static IDiskReader OpenRaw(string path) => RawDisk.OpenRead(DiskImage.Plain(path, ImageFormat.Raw, 0));

    public static ImageReference Image(string path, ImageFormat format) => DiskImage.Plain(path, format, 0);

    /// <summary>blkhash as its paper defines it, without any of our code.</summary>
    public static byte[] NaiveRoot(ReadOnlySpan<byte> disk, int blockBytes = 65536)
    {
        using var outer = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var at = 0; at < disk.Length; at += blockBytes) outer.AppendData(SHA256.HashData(disk[at..Math.Min(disk.Length, at + blockBytes)]));
        outer.AppendData(BitConverter.GetBytes((long)disk.Length));
        return outer.GetHashAndReset();
    }

    public static Task<ChildResult> ToolAsync(string program, params string[] arguments) =>
        ChildProcess.RunAsync(new ChildCommand(program, arguments) { Deadline = TimeSpan.FromMinutes(1) }, TestContext.Current.CancellationToken);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
