using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Luks;

/// <summary>Real LUKS1 and LUKS2 volumes, opened in the appliance.</summary>
public sealed class EncryptedVolumesTests : IDisposable
{
    private const string One = "5ea11f70-0000-4000-8000-000000000101", Two = "5ea11f70-0000-4000-8000-000000000102", Shut = "5ea11f70-0000-4000-8000-000000000103";

    private readonly TemporaryDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    /// <summary>One start of the appliance: a damaged file system in LUKS1, one in LVM in LUKS2, a volume that nobody has a key for, and a disk whose content is made to look like an image over a file of this host.</summary>
    [Fact]
    public async Task What_is_inside_is_checked_and_what_stays_closed_is_not_called_clean()
    {
        await ShellAsync("""
            printf 'open sesame' >one.key; printf 'another\n' >two.key
            truncate -s 8M one.plain; mke2fs -q -t ext4 -L damaged one.plain; dd if=/dev/zero of=one.plain bs=64 count=1 seek=32 conv=notrunc status=none
            truncate -s 16M two.plain; python3 "$RIGS/lvm-volume.py" two.plain 0 16777216 inner root
            truncate -s 15M volume; mke2fs -q -t ext4 -L sound volume; dd if=volume of=two.plain bs=1M seek=1 conv=notrunc status=none
            printf 'another' >two.line
            "$RIGS/luks-disk.sh" one.plain one.img one.key 5ea11f70-0000-4000-8000-000000000101 1
            "$RIGS/luks-disk.sh" two.plain two.img two.line 5ea11f70-0000-4000-8000-000000000102 2
            qemu-img create -q -f qcow2 -b "$PWD/one.plain" -F raw evil.img; truncate -s 4M evil.img
            truncate -s 20M shut.img; cryptsetup luksFormat -q --type luks2 --uuid 5ea11f70-0000-4000-8000-000000000103 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file one.key shut.img
            """);
        using VolumeKey one = VolumeKey.Read(One, directory.File("one.key")), two = VolumeKey.Read(Two, directory.File("two.key"));
        var options = Rigs.Options(directory) with { Inspect = false, Keys = [one, two] };
        string[] keys = ["one", "two", "shut", "evil"];
        var report = await GuestExamination.RunAsync([.. keys.Select(k => Rigs.Raw(k, directory.File(k + ".img")))], options, null, Cancel);

        Assert.Equal([One, Two], report.Inspection.OpenedVolumes.Order());
        var sound = Assert.Single(report.Inspection.Filesystems, f => f.Label == "sound");
        Assert.Equal(("ext4", "appliance", true), (sound.Type, sound.CheckedVia, sound.Clean));
        var damage = Assert.Single(report.Findings, f => f.Severity == FindingSeverity.Damage);
        Assert.Equal("ext4.errors", damage.Class);
        Assert.StartsWith("one volume luks-" + One, damage.Device, StringComparison.Ordinal);
        Assert.Equal(["direct", "direct"], report.Inspection.Filesystems.Where(f => f.Identity is One or Two).Select(f => f.CheckedVia)); // their headers

        var shut = Assert.Single(report.Inspection.Filesystems, f => f.Identity == Shut);
        Assert.Equal((string.Empty, false), (shut.CheckedBy, shut.Clean));
        Assert.Equal([Shut, "evil"], report.Findings.Where(f => f.Class == "not-checked").Select(f => f.Filesystem));
        var log = await File.ReadAllTextAsync(options.LogPath, Cancel);
        Assert.DoesNotContain("sesame", log, StringComparison.Ordinal);
        Assert.DoesNotContain("another", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_does_not_fit_is_an_error_that_names_the_volume()
    {
        await ShellAsync("""
            printf 'open sesame' >right.key; printf 'simsalabim' >wrong.key
            truncate -s 20M disk.img; cryptsetup luksFormat -q --type luks2 --uuid 5ea11f70-0000-4000-8000-000000000101 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file right.key disk.img
            """);
        using var wrong = VolumeKey.Read(VolumeKey.AnyVolume, directory.File("wrong.key"));
        var options = Rigs.Options(directory) with { Inspect = false, Keys = [wrong] };
        var error = await Assert.ThrowsAsync<SealiftException>(() => GuestExamination.RunAsync([Rigs.Raw("disk1", directory.File("disk.img"))], options, null, Cancel));
        Assert.Equal("SL5012", error.Code);
        Assert.Contains(One, error.Subject, StringComparison.Ordinal);
        Assert.DoesNotContain("simsalabim", error.ToString() + await File.ReadAllTextAsync(options.LogPath, Cancel), StringComparison.Ordinal);
    }

    private async Task ShellAsync(string script) => _ = await ChildProcess.RunAsync(
        new ChildCommand("sh", "-e", "-c", script) { WorkingDirectory = directory.Path, Deadline = TimeSpan.FromMinutes(2), Environment = new Dictionary<string, string?> { ["RIGS"] = Path.Combine(Rigs.Repository, "tests", "rigs") } }, Cancel);
}
