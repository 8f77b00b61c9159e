using Sealift.Disks;

namespace Sealift.Guests.Tests;

/// <summary>The tiny guest, converted once in an overlay and examined after it, for all tests that want one.</summary>
public sealed class ConvertedGuest : IAsyncLifetime
{
    private readonly TemporaryDirectory directory = new();

    public string Base => directory.File("b'a<s>e & \"tiny\".raw");

    public string Overlay => directory.File("o'v<e>r & \"lay\".qcow2");

    public string BaseHashBefore { get; private set; } = string.Empty;

    public string OverlayHashBefore { get; private set; } = string.Empty;

    public ConversionResult Result { get; private set; } = null!;

    public GuestReport ReportAfter { get; private set; } = null!;

    public IReadOnlyList<string> LeftBehind { get; private set; } = [];

    public string LogText { get; private set; } = string.Empty;

    public async ValueTask InitializeAsync()
    {
        await Rigs.RunAsync("tiny-guest.sh", Base);
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", "-b", Base, "-F", "raw", Overlay);
        BaseHashBefore = await Rigs.HashAsync(Base);
        OverlayHashBefore = await Rigs.HashAsync(Overlay);
        var work = Directory.CreateDirectory(directory.File("work")).FullName;
        var drive = new GuestDrive("disk1", null, Overlay, ImageFormat.Qcow2);
        var options = new GuestOptions { WorkDirectory = work, LogPath = directory.File("convert.log") };
        Result = await GuestConversion.RunAsync(new ConversionRequest("ti<n>y \u001b[31m & \"co\"", [drive], Uefi: false, Cpus: 1, MemoryBytes: 512L << 20, options), log: null, CancellationToken.None);
        LogText = await File.ReadAllTextAsync(options.LogPath);
        ReportAfter = await GuestExamination.RunAsync([drive], options with { LogPath = directory.File("after.log") }, log: null, CancellationToken.None);
        LeftBehind = Directory.GetFileSystemEntries(work);
    }

    public ValueTask DisposeAsync()
    {
        directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
