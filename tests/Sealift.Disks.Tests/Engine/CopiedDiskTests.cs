using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A disk that was brought to a file is that file, all of it. (Devices and exports, which may go on behind it, are in the tests of migrations.)</summary>
public sealed class CopiedDiskTests : IDisposable
{
    private const long LengthBytes = 1 << 20;

    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Theory]
    [InlineData(1, "SL4201")]
    [InlineData(512, "SL4201")]
    [InlineData(-512, "SL4206")]
    public async Task A_file_that_has_another_length_is_not_opened(int more, string code)
    {
        var disk = CopiedDisk.InFile(scratch.Raw("disk", LengthBytes, 1, (0, 4096)), ImageFormat.Raw);
        foreach (var open in Openings(disk)) await (await open()).DisposeAsync();
        using (var file = PosixFile.Open(scratch["disk"], OpenMode.ReadWrite)) file.SetLength(LengthBytes + more);
        foreach (var open in Openings(disk)) Assert.Equal(code, (await Assert.ThrowsAsync<SealiftException>(open)).Code);
    }

    private Func<Task<IDiskReader>>[] Openings(CopiedDisk disk) =>
    [
        async () => await disk.OpenWriteAsync(LengthBytes, scratch.Folder, Cancel),
        async () => await disk.OpenUncachedAsync(LengthBytes, scratch.Folder, Cancel),
        async () => (await disk.OpenUncachedWhileWrittenAsync(LengthBytes, Cancel))!,
    ];
}
