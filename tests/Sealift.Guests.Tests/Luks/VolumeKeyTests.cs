using System.Globalization;
using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Luks;

[Collection(nameof(StandIn))]
public sealed class VolumeKeyTests : IDisposable
{
    private const string Uuid = "5ea11f70-0000-4000-8000-000000000101", Passphrase = "open sesame";

    private readonly TemporaryDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("all", "all", null)]
    [InlineData("all=file:/k", "all", "/k")]
    [InlineData("5EA11F70-0000-4000-8000-000000000101=file:/a=b:c", Uuid, "/a=b:c")]
    [InlineData(Uuid, Uuid, null)]
    public void Where_a_key_comes_from_is_read(string text, string selector, string? path) => Assert.Equal(new VolumeKeySource(selector, path), VolumeKeySource.Parse(text));

    /// <summary>What may be the key itself is not repeated.</summary>
    [Theory]
    [InlineData("all=open sesame")]
    [InlineData("all=key:open sesame")]
    [InlineData("all=file:")]
    [InlineData("/dev/sda2=file:open sesame")]
    [InlineData("=file:open sesame")]
    [InlineData("5ea11f70=file:open sesame")]
    public void What_is_no_source_is_refused(string text)
    {
        var error = Assert.Throws<SealiftException>(() => VolumeKeySource.Parse(text));
        Assert.Equal("SL5010", error.Code);
        Assert.DoesNotContain("sesame", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("open sesame", true)]
    [InlineData("open sesame\n", true)]
    [InlineData("open sesame\nand a remark\n", true)]
    [InlineData("", false)]
    [InlineData("\nopen sesame", false)]
    [InlineData("open\0sesame", false)]
    public async Task The_first_line_of_a_file_is_the_passphrase(string content, bool isOne)
    {
        var path = Write(content);
        if (!isOne)
        {
            Assert.Equal("SL5011", Assert.Throws<SealiftException>(() => VolumeKey.Read("all", path)).Code);
            return;
        }

        using var key = VolumeKey.Read("all", path);
        using var secret = key.ToSecret(3);
        var read = await ChildProcess.RunAsync(new ChildCommand("sh", "-c", $"cat {secret.Path}; echo .") { Secrets = [secret] }, Cancel);
        Assert.Equal(Passphrase + ".", read.Output.TrimEnd());
        Assert.DoesNotContain("sesame", $"{key} {secret} {new GuestOptions { WorkDirectory = "w", LogPath = "l", Keys = [key] }}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_a_small_regular_file_is_a_key()
    {
        var pipe = directory.File("pipe");
        await ChildProcess.RunAsync(new ChildCommand("mkfifo", pipe), Cancel); // opened, it would wait for ever
        foreach (var path in new[] { pipe, directory.Path, "/dev/zero", Write(new string('x', VolumeKey.LimitBytes + 1)) })
            Assert.Equal("SL5011", Assert.Throws<SealiftException>(() => VolumeKey.Read("all", path)).Code);
        File.CreateSymbolicLink(directory.File("link"), Write(Passphrase));
        VolumeKey.Read("all", directory.File("link")).Dispose(); // as secrets are mounted into containers
        Assert.ThrowsAny<SealiftException>(() => VolumeKey.Read("all", directory.File("missing")));
    }

    [Theory]
    [InlineData(0x180 /* 0600 */, false)]
    [InlineData(0x1A4 /* 0644 */, true)]
    public void A_key_that_everybody_can_read_is_remarked(int permissions, bool isRemarked)
    {
        var path = Write(Passphrase);
        PosixPath.SetPermissions(path, permissions);
        using var key = VolumeKey.Read("all", path);
        Assert.Equal(isRemarked, key.Remark.Contains("everybody", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("all", Uuid, true)]
    [InlineData(Uuid, Uuid, true)]
    [InlineData("5EA11F70-0000-4000-8000-000000000101", Uuid, true)]
    [InlineData("5ea11f70-0000-4000-8000-000000000102", Uuid, false)]
    public void It_is_for_the_volume_that_it_names(string selector, string uuid, bool isFor)
    {
        using var key = new VolumeKey(selector, "x"u8);
        Assert.Equal(isFor, key.IsFor(uuid));
    }

    /// <summary>virt-v2v gets every key that may open a volume, by descriptor; what it was told and what it says has none.</summary>
    [Fact]
    public async Task The_conversion_is_given_the_keys_and_nobody_sees_them()
    {
        using VolumeKey own = new(Uuid, "open sesame"u8), any = new("all", "second sesame"u8), other = new("5ea11f70-0000-4000-8000-000000000102", "third sesame"u8);
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", directory.File("overlay.qcow2"), "1M");
        var options = Rigs.Options(directory) with { Keys = [own, any, other] };
        var request = new ConversionRequest("vm", [new GuestDrive("disk1", null, directory.File("overlay.qcow2"), ImageFormat.Qcow2)], Uefi: false, 1, 512 << 20, options) { OpenedVolumes = [Uuid] };
        var script = string.Create(CultureInfo.InvariantCulture, $"echo \"$@\" >{directory.File("arguments")}; env >{directory.File("environment")}; for a; do case $a in *:file:*) cat ${{a##*:file:}} >>{directory.File("given")}; echo >>{directory.File("given")};; esac; done; exit 1");
        await StandIn.InPlaceOfAsync(directory, "virt-v2v-in-place", script, async () =>
        {
            Assert.Equal("SL5101", (await Assert.ThrowsAsync<SealiftException>(() => GuestConversion.RunAsync(request, null, Cancel))).Code);
            return 0;
        });
        Assert.Equal(["open sesame", "second sesame"], await File.ReadAllLinesAsync(directory.File("given"), Cancel));
        var arguments = await File.ReadAllTextAsync(directory.File("arguments"), Cancel);
        Assert.Contains($"--key {Uuid}:file:/dev/fd/3 --key {Uuid}:file:/dev/fd/4 ", arguments, StringComparison.Ordinal);
        foreach (var seen in new[] { arguments, await File.ReadAllTextAsync(directory.File("environment"), Cancel), await File.ReadAllTextAsync(options.LogPath, Cancel) })
            Assert.DoesNotContain("sesame", seen, StringComparison.Ordinal);
    }

    private string Write(string content)
    {
        var path = directory.File(Guid.NewGuid().ToString("N"));
        File.WriteAllText(path, content);
        return path;
    }
}
