using System.Text;
using Sealift.Guests;
using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>Where a key comes from is journaled, the key is not; every step that looks inside gets it, and a resume needs it again.</summary>
public sealed class LuksKeyTests : IDisposable
{
    private const string Passphrase = "open sesame", Uuid = "5ea11f70-0000-4000-8000-000000000101";

    private readonly MigrationRig rig = new();
    private readonly List<string> given = [];

    public void Dispose() => rig.Dispose();

    private MigrationRequest Request => rig.Request with { Convert = true, Check = true, LuksKeys = [new VolumeKeySource(Uuid, "/keys/one"), new VolumeKeySource("all", null)] };

    [Fact]
    public async Task Every_step_that_looks_inside_gets_the_keys_and_nothing_keeps_them()
    {
        using var store = Open();
        using VolumeKey one = new(Uuid, Encoding.UTF8.GetBytes(Passphrase)), all = new("all", Encoding.UTF8.GetBytes(Passphrase + "!"));
        store.Keys = [one, all];
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        Assert.True(outcome.Verdict == Verdict.Sealed, string.Join(' ', outcome.Reasons));
        var keys = $"key of {Uuid},key of all";
        Assert.Equal([$"check-source {keys}", $"convert {keys} {Uuid}", $"check-target {keys}", "check-committed "], given);
        Assert.Empty(store.KeysNeeded(outcome.Id));
        Assert.Equal(Request.LuksKeys, store.Show(outcome.Id).Request.LuksKeys);

        var files = Directory.EnumerateFiles(rig.Root, "*", SearchOption.AllDirectories).ToList();
        Assert.Contains(files, f => f.EndsWith("sealift.db", StringComparison.Ordinal));
        Assert.All(files, f => Assert.Equal(-1, File.ReadAllBytes(f).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Passphrase))));
    }

    [Fact]
    public async Task A_resume_asks_for_them_again_as_long_as_a_step_needs_them()
    {
        using var store = Open();
        using VolumeKey one = new(Uuid, "x"u8), all = new("all", "y"u8);
        store.Keys = [one, all];
        store.Converter = (_, _, _) => throw new SealiftException("SL5999", "convert", "box", "no", "Try again");
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        Assert.True(outcome.CanResume);
        Assert.Equal(Request.LuksKeys, store.KeysNeeded(outcome.Id));

        store.Converter = ConvertAsync;
        store.Keys = [one]; // the other was forgotten
        outcome = await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), MigrationRig.Cancel);
        Assert.Contains("SL7011", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.True(outcome.CanResume);
        store.Keys = [one, all];
        Assert.Equal(Verdict.Sealed, (await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), MigrationRig.Cancel)).Verdict);
    }

    [Fact]
    public async Task Keys_without_checks_are_refused()
    {
        using var store = Open();
        var error = await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.StartAsync(store, Request with { Check = false }, new Recorder(), MigrationRig.Cancel));
        Assert.Equal("SL7010", error.Code);
        Assert.Empty(store.List());
    }

    [Fact]
    public void A_plan_from_before_there_were_keys_is_read()
    {
        using var store = Open();
        var json = System.Text.Json.JsonSerializer.Serialize(rig.Request, MigrationJson.Default.MigrationRequest);
        var earlier = System.Text.RegularExpressions.Regex.Replace(json, "\"luksKeys\":\\[\\],", string.Empty);
        Assert.NotEqual(json, earlier);
        Assert.Empty(System.Text.Json.JsonSerializer.Deserialize(earlier, MigrationJson.Default.MigrationRequest)!.LuksKeys);
    }

    private MigrationStore Open() => new(rig.State) { Converter = ConvertAsync, Examiner = ExamineAsync };

    private async Task<ConversionResult> ConvertAsync(ConversionRequest request, IProgress<string>? log, CancellationToken cancel)
    {
        given.Add($"convert {string.Join(',', request.Options.Keys)} {string.Join(',', request.OpenedVolumes)}");
        await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0xc0 1000000 100000", request.Drives[0].ImagePath!), cancel);
        return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
    }

    private Task<GuestReport> ExamineAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, IProgress<string>? log, CancellationToken cancel)
    {
        given.Add($"{Path.GetFileNameWithoutExtension(options.LogPath)} {string.Join(',', options.Keys)}");
        var inspection = new GuestInspection("linux", "debian", "Debian", "12", "x86_64", "box", BootsByUefi: false, []) { HasBiosBootCode = true, OpenedVolumes = options.Keys.Count > 0 ? [Uuid] : [] };
        return Task.FromResult(new GuestReport(inspection, [], new Dictionary<string, string>()));
    }
}
