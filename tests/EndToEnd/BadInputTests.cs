namespace Sealift.EndToEnd;

/// <summary>Sources that cannot become a machine: a verdict, an error that names file and place, and not a trace in the target.</summary>
public sealed class BadInputTests(Rig rig)
{
    private static readonly string[] Quick = ["--no-convert", "--no-check", "--accept-degraded"];

    [Theory]
    [InlineData("text", "SL4001", "box.txt")]
    [InlineData("pdf", "SL4001", "PDF")]
    [InlineData("empty", "SL4001", "it is empty")]
    [InlineData("missing", "SL6001", "there is no such file")]
    [InlineData("directory", "SL6113", ".ovf")]
    [InlineData("device", "SL6001", "/dev/null")]
    [InlineData("odd-length", "SL4005", "multiple of 512")]
    [InlineData("cut-raw", "SL4002", "ends at 4194304")]
    [InlineData("cut-qcow2", "SL4002", "the file ends at")]
    [InlineData("cut-stream", "SL4002", "the file ends at")]
    [InlineData("cut-vmdk", "SL4002", "the file ends at")]
    [InlineData("cut-vhd", "SL4002", "the file ends at")]
    [InlineData("cut-vhdx", "SL4002", "the file ends at")]
    [InlineData("cut-vdi", "SL4002", "the file ends at")]
    [InlineData("claims-more", "SL4002", "flat extent")]
    [InlineData("other-format", "SL4012", "as qcow2")]
    [InlineData("same-twice", "SL6004", "box.raw")]
    [InlineData("backing", "SL4009", "--allow-backing")]
    [InlineData("data-file", "SL4009", "--allow-backing")]
    [InlineData("backing-elsewhere", "SL4010", "not below")]
    [InlineData("extent-absolute", "SL4009", "/etc/passwd")]
    [InlineData("extent-climbs", "SL4009", "../../etc/passwd")]
    [InlineData("extent-missing", "SL4016", "gone.raw")]
    public async Task Images(string what, string code, string named)
    {
        var files = new HostileSources(rig.NewDirectory());
        var (sources, options) = await ImageAsync(files, what);
        await RefusedAsync(sources, options, code, named);
    }

    [Theory]
    [InlineData("digest", "SL6111", "box-disk1.vmdk")]
    [InlineData("climbing-member", "SL6103", "'../../box-disk1.vmdk'")]
    [InlineData("absolute-member", "SL6103", "'/box-disk1.vmdk'")]
    [InlineData("climbing-reference", "SL6103", "'../../etc/passwd'")]
    [InlineData("link", "SL6102", "symbolic link")]
    [InlineData("duplicate", "SL6104", "there twice")]
    [InlineData("entities", "SL6201", "document type definition")]
    [InlineData("huge", "SL6105", "box.ovf")]
    [InlineData("missing-disk", "SL6112", "box-disk1.vmdk")]
    [InlineData("missing-disk-no-manifest", "SL6112", "box-disk1.vmdk")]
    [InlineData("capacity", "SL6204", "multiple of 512")]
    [InlineData("cut-tar", "SL6101", "truncated")]
    public async Task Packages(string what, string code, string named)
    {
        var files = new HostileSources(rig.NewDirectory());
        var path = await files.OvaAsync(m =>
        {
            switch (what)
            {
                case "digest": m.ManifestDigest = new string('0', 64); break;
                case "climbing-member": m.DiskName = "../../box-disk1.vmdk"; break;
                case "absolute-member": m.DiskName = "/box-disk1.vmdk"; break;
                case "climbing-reference": m.Descriptor = m.Descriptor.Replace("ovf:href=\"box-disk1.vmdk\"", "ovf:href=\"../../etc/passwd\"", StringComparison.Ordinal); break;
                case "link": m.DiskIsLinkTo = "/etc/passwd"; break;
                case "duplicate": m.Copies = 2; break;
                case "entities": m.Descriptor = m.Descriptor.Replace("<Envelope", "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Envelope", StringComparison.Ordinal); break;
                case "huge": m.Descriptor = m.Descriptor.Replace("<Name>box", "<Name>" + new string('A', 20 << 20), StringComparison.Ordinal); break;
                case "missing-disk": m.Copies = 0; break;
                case "missing-disk-no-manifest": (m.Copies, m.WithManifest) = (0, false); break;
                case "capacity": m.Descriptor = m.Descriptor.Replace("\"8388608\"", "\"8388700\"", StringComparison.Ordinal); break;
            }
        });
        if (what == "cut-tar") HostileSources.Cut(path, 0.7);
        await RefusedAsync([path], [], code, named);
    }

    [Theory]
    [InlineData("backing")]
    [InlineData("data-file")]
    public async Task Named_files_are_followed_where_they_are_allowed(string what)
    {
        var directory = rig.NewDirectory();
        var files = new HostileSources(directory);
        var (sources, _) = await ImageAsync(files, what);
        var target = rig.NewDirectory();
        var attempt = await Attempt.RunAsync(rig, rig.NewDirectory(), target, [.. sources, .. Directory.GetFiles(directory)], ["migrate", .. sources, "--to", target, .. Quick, "--allow-backing", directory]);
        Assert.True(attempt.Result.ExitCode == 3, attempt.Said);
        Assert.Equal(Digest.OfFile(files.In("box.raw")), Digest.OfFile(Path.Combine(target, "top-disk1.raw")));
    }

    [Fact]
    public async Task The_same_words_without_json_and_in_a_dry_run()
    {
        var files = new HostileSources(rig.NewDirectory());
        var path = files.Text("box.txt", "not a disk");
        var target = Path.Combine(rig.NewDirectory(), "machine");
        var plain = await rig.RunAsync(rig.NewDirectory(), ["migrate", path, "--to", target, .. Quick], TestContext.Current.CancellationToken);
        Assert.Equal(1, plain.ExitCode);
        Assert.Contains("SL4001: cannot read a disk image: " + path, plain.Output, StringComparison.Ordinal);
        Assert.Contains("verdict: failed", plain.Output, StringComparison.Ordinal);
        var dry = await rig.RunAsync(rig.NewDirectory(), ["migrate", path, "--to", target, .. Quick, "--dry-run"], TestContext.Current.CancellationToken);
        Assert.Equal(5, dry.ExitCode);
        Assert.Contains("SL4001", dry.ErrorTail, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", plain.Output + plain.ErrorTail + dry.ErrorTail, StringComparison.Ordinal);
        Assert.False(Directory.Exists(target));
    }

    private static async Task<(string[] Sources, string[] Options)> ImageAsync(HostileSources files, string what)
    {
        switch (what)
        {
            case "text": return ([files.Text("box.txt", "Dear disk,\nyours sincerely\n")], []);
            case "pdf": return ([files.Text("box.raw", "%PDF-1.4\n" + new string('x', 4096))], []);
            case "empty": return ([files.Text("box.raw", string.Empty)], []);
            case "missing": return ([files.In("box.raw")], []);
            case "directory": return ([Directory.CreateDirectory(files.In("sub")).FullName], []);
            case "device": return (["/dev/null"], []);
            case "odd-length":
                var odd = await files.RawAsync();
                await File.AppendAllTextAsync(odd, "x", TestContext.Current.CancellationToken);
                return ([odd], []);
            case "cut-raw": return ([HostileSources.Cut(await files.RawAsync(), 0.5)], []);
            case "cut-qcow2": return ([HostileSources.Cut(await files.ImageAsync("qcow2"), 0.7)], []);
            case "cut-stream": return ([HostileSources.Cut(await files.ImageAsync("vmdk", "-o", "subformat=streamOptimized"), 0.5)], []);
            case "cut-vmdk": return ([HostileSources.Cut(await files.ImageAsync("vmdk"), 0.7)], []);
            case "cut-vhd": return ([HostileSources.Cut(await files.ImageAsync("vpc"), 0.7)], []);
            case "cut-vhdx": return ([HostileSources.Cut(await files.ImageAsync("vhdx"), 0.7)], []);
            case "cut-vdi": return ([HostileSources.Cut(await files.ImageAsync("vdi"), 0.7)], []);
            case "claims-more":
                await files.RawAsync();
                return ([files.VmdkNaming("box.raw", (16 << 20) / 512)], []);
            case "other-format": return ([await files.RawAsync()], ["--source-format", "qcow2"]);
            case "same-twice":
                var raw = await files.RawAsync();
                return ([raw, raw], []);
            case "backing" or "backing-elsewhere":
                await files.RawAsync();
                await HostileSources.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "box.raw", files.In("top.qcow2"));
                return ([files.In("top.qcow2")], what == "backing" ? [] : ["--allow-backing", Directory.CreateDirectory(files.In("sub")).FullName]);
            case "data-file":
                await files.RawAsync();
                await HostileSources.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={files.In("data.raw")},data_file_raw=on", files.In("top.qcow2"), $"{8 << 20}");
                await HostileSources.RunAsync("qemu-img", "convert", "-n", "-f", "raw", "-O", "qcow2", files.In("box.raw"), files.In("top.qcow2"));
                return ([files.In("top.qcow2")], []);
            case "extent-absolute": return ([files.VmdkNaming("/etc/passwd", 1)], []);
            case "extent-climbs": return ([files.VmdkNaming("../../etc/passwd", 1)], []);
            case "extent-missing": return ([files.VmdkNaming("gone.raw")], []);
            default: throw new ArgumentOutOfRangeException(nameof(what), what, null);
        }
    }

    private async Task RefusedAsync(string[] sources, string[] options, string code, string named)
    {
        var root = rig.NewDirectory();
        // Two levels that are not there: neither may be left behind.
        var target = Path.Combine(root, "vms", "box");
        var attempt = await Attempt.RunAsync(rig, rig.NewDirectory(), target, sources, ["migrate", .. sources, "--to", target, .. Quick, .. options]);
        Assert.True(attempt.Result.ExitCode == 1, attempt.Said);
        Assert.Equal("failed", attempt.Verdict);
        Attempt.AssertReadable(attempt.Failure, code, named);
        Assert.Equal("failed", attempt.Predicate.GetProperty("verdict").GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
    }
}
