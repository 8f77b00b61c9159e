using Sealift.Posix;

namespace Sealift.Guests.Tests.Direct;

/// <summary>On this host and nowhere else: what needs the appliance is left out, and said to be.</summary>
[Collection(nameof(StandIn))]
public sealed class HostOnlyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "Only the appliance could check it: partitions cannot be shown as files on this host")]
    public async Task The_appliance_is_never_started(bool withoutViews, string why)
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("disk.img");
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(16 << 20);
        await ChildProcess.RunAsync(new ChildCommand("mkfs.ext4", "-q", "-F", path), Cancel);
        var options = Rigs.Options(directory) with { Inspect = false, Way = CheckWay.Host };
        Task<GuestReport> Examine() => GuestExamination.RunAsync([Rigs.Raw("disk1", path)], options, null, Cancel);
        var report = await StandIn.InPlaceOfAsync(directory, "guestfish", "echo the appliance was started >&2; exit 1", () =>
            withoutViews ? StandIn.InPlaceOfAsync(directory, "unshare", "exit 1", Examine) : Examine());
        var filesystem = Assert.Single(report.Inspection.Filesystems);
        Assert.Equal(!withoutViews, filesystem.Clean);
        Assert.Equal(withoutViews, filesystem.CheckedBy.Length == 0);
        if (!withoutViews) Assert.Empty(report.Findings);
        else Assert.StartsWith(why, Assert.Single(report.Findings, f => f.Class == "not-checked").Text, StringComparison.Ordinal);
    }
}
