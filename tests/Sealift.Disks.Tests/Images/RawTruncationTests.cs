using Sealift.Posix;

namespace Sealift.Disks.Tests.Images;

/// <summary>A raw disk that was cut at a whole sector shows it only by what is on it.</summary>
public sealed class RawTruncationTests : IDisposable
{
    private const long DiskBytes = 320L << 20;

    private readonly string directory = Directory.CreateTempSubdirectory("sealift-raw-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData("mbr", "MBR, partition 1")]
    [InlineData("gpt", "GPT header")]
    [InlineData("ext4", "ext superblock")]
    [InlineData("xfs", "XFS superblock")]
    public async Task It_is_refused_by_its_own_account_of_its_length(string kind, string field)
    {
        var path = Path.Combine(directory, "disk.raw");
        await MakeAsync(kind, path);
        var whole = await ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions(), Cancel);
        Assert.Equal(DiskBytes, whole.VirtualLengthBytes);
        Assert.Empty(whole.Notes);

        using (var file = PosixFile.Open(path, OpenMode.ReadWrite)) file.SetLength(DiskBytes / 4 * 3);
        var error = await Assert.ThrowsAsync<SealiftException>(() => ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions(), Cancel));
        Assert.Equal("SL4002", error.Code);
        Assert.Contains(field, error.Subject, StringComparison.Ordinal);

        var declared = await ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions { Format = ImageFormat.Raw }, Cancel);
        Assert.Contains(declared.Notes, note => note.Contains(field, StringComparison.Ordinal));
    }

    private static async Task MakeAsync(string kind, string path)
    {
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(DiskBytes);
        await ChildProcess.RunAsync(
            kind switch
            {
                "mbr" => new ChildCommand("sfdisk", "-q", path) { StandardInput = "2048,,L,*\n" },
                "gpt" => new ChildCommand("sfdisk", "-q", "-X", "gpt", path) { StandardInput = "2048,,L\n" },
                "ext4" => new ChildCommand("mkfs.ext4", "-q", "-F", path),
                _ => new ChildCommand("mkfs.xfs", "-q", path),
            },
            Cancel);
    }
}
