using Sealift.Posix;

namespace Sealift.Faults.Storage;

/// <summary>Space that is there in the beginning, and not when it is needed.</summary>
public sealed class FillingStorageTests(OtherSide side)
{
    [Theory]
    [InlineData(Way.Copy)]
    [InlineData(Way.Migrate)]
    public async Task A_file_system_that_somebody_else_fills_meanwhile(Way way)
    {
        await using var small = await MountedFileSystem.TmpfsAsync(side.NewDirectory(), 96 << 20);
        var disk = new DisturbedCopy(side, way, ["SL4212|SL1001", "ENOSPC", "offset", "space"], small.View);
        var filler = Path.Combine(small.View, "somebody-elses");
        await disk.RunAsync(disk.Fault("pause", Half(way), 700_000), disk.AtThePause(() => Fill(filler)));
        Assert.True(File.Exists(filler));
        File.Delete(filler);
        await disk.GoOnAsync();
    }

    [Theory]
    [InlineData(Way.Copy)]
    [InlineData(Way.Migrate)]
    public async Task A_quota(Way way)
    {
        var disk = new DisturbedCopy(side, way, ["SL4212", "EDQUOT", "offset"]);
        await disk.RunAsync(disk.Fault("edquot", Half(way), 3 << 20));
        await disk.GoOnAsync();
    }

    [Theory]
    [InlineData(Way.Copy, "flip", 1)]
    [InlineData(Way.Migrate, "flip", 1)]
    [InlineData(Way.Copy, "lost", 1)]
    [InlineData(Way.Migrate, "lost", 1)]
    [InlineData(Way.Copy, "flip", 1000)]
    [InlineData(Way.Migrate, "flip", 1000)]
    [InlineData(Way.Copy, "lost", 1000)]
    [InlineData(Way.Migrate, "lost", 1000)]
    public async Task Storage_that_keeps_other_bytes_than_it_was_given(Way way, string fault, int times)
    {
        var disk = new DisturbedCopy(side, way, times == 1 ? [] : ["SL4234", fault == "flip" ? "offset 1500000" : "offset 1048576"]);
        if (!await disk.RunAsync(disk.Fault(fault, Half(way), 1_500_000, times))) await disk.GoOnAsync();
    }

    // The target while it is no more than half a copy.
    private static string Half(Way way) => way == Way.Migrate ? "/disk1.raw" : "/disk";

    // Page by page until there is no more room; whoever needs a page then does not get it.
    private static void Fill(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        var page = new byte[4096];
        try
        {
            for (var at = 0L; ; at += page.Length) file.WriteAt(page, at);
        }
        catch (PosixException e) when (e.Errno == Errno.ENOSPC)
        {
            // That was the aim.
        }
    }
}
