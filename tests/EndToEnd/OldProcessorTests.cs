using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>The command as it is shipped gives the same digests on processors that have less than the one that it was built on; QEMU is such a processor.</summary>
public sealed class OldProcessorTests(Rig rig)
{
    private const int BlockBytes = 65536;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Nehalem")] // 2008: no AVX, and no SHA instructions
    [InlineData("Haswell")] // AVX2
    [InlineData("max")] // what QEMU has: no AVX-512, whatever this machine's /proc/cpuinfo says
    public async Task Older_processors_hash_as_this_one_does(string processor)
    {
        var folder = rig.NewDirectory();
        var disk = Path.Combine(folder, "disk.raw");
        var bytes = new byte[(40 * BlockBytes) + 777];
        new Random(2008).NextBytes(bytes);
        using (var file = PosixFile.Open(disk, OpenMode.ReadWrite | OpenMode.CreateNew)) file.WriteAt(bytes, 0);

        var result = await ChildProcess.RunAsync(
            new ChildCommand("qemu-x86_64", "-cpu", processor, rig.Sealift, "hash", disk) { Deadline = TimeSpan.FromMinutes(5), StartsOthers = true }, Cancel);
        Assert.Equal($"{Root(bytes)}  {disk}", result.Output.TrimEnd('\n'));
    }

    /// <summary>docs/formats/blkhash.md, word by word.</summary>
    private static string Root(byte[] bytes)
    {
        using var root = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var at = 0; at < bytes.Length; at += BlockBytes) root.AppendData(SHA256.HashData(bytes.AsSpan(at, Math.Min(BlockBytes, bytes.Length - at))));
        root.AppendData(BitConverter.GetBytes((long)bytes.Length));
        return Convert.ToHexStringLower(root.GetHashAndReset());
    }
}
