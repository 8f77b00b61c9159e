using System.Text;
using System.Text.RegularExpressions;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests.Seals;

/// <summary>Real disks, sealed, then harmed.</summary>
public sealed class SealVerifierTests : IDisposable
{
    private const long Length = 32 << 20;
    private readonly string folder = Directory.CreateTempSubdirectory("seal-").FullName;
    private readonly string state;
    private readonly SealKey key;

    public SealVerifierTests()
    {
        state = Path.Combine(folder, "state");
        key = SealKey.OpenOrCreate(state);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Seal => Path.Combine(folder, "vm.seal.json");

    public void Dispose()
    {
        key.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task An_untouched_machine_verifies(string format)
    {
        await SealMachine(format);
        var seen = new List<SealProgress>();
        var result = await SealVerifier.VerifyAsync(Seal, new SealVerifyOptions { StateDirectory = state }, new Collect(seen), Cancel);
        Assert.True(result.Ok, Lines(result));
        Assert.Equal(["signature", "statement", "verdict", "disk1", "vm.xml", "vm.start.sh"], result.Claims.Select(c => c.Subject));
        Assert.Contains(seen, s => s is { Disk: "disk1", DoneBytes: Length, TotalBytes: Length });
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task A_flipped_bit_is_located(string format)
    {
        await SealMachine(format);
        await FlipBit(format, (8 << 20) + 12345);
        var claim = Claim(await Verify(), "disk1");
        Assert.False(claim.Holds);
        Assert.Equal("1 block differs: offset 8388608, length 65536", claim.Text);
        Assert.Contains("Has the machine been started since?", claim.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bit_in_a_hole_is_located_too()
    {
        await SealMachine("raw");
        await FlipBit("raw", Length - 1);
        Assert.Equal($"1 block differs: offset {Length - 65536}, length 65536", Claim(await Verify(), "disk1").Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_its_map_a_disk_is_still_proven_but_not_located(bool removed)
    {
        await SealMachine("raw");
        var map = Path.Combine(folder, "vm-disk1.map");
        if (removed)
        {
            File.Delete(map);
        }
        else
        {
            var bytes = File.ReadAllBytes(map);
            bytes[^1] ^= 1;
            File.WriteAllBytes(map, bytes);
        }

        Assert.True((await Verify()).Ok);
        await FlipBit("raw", 8 << 20);
        var claim = Claim(await Verify(), "disk1");
        Assert.False(claim.Holds);
        Assert.Contains(removed ? "its block map vm-disk1.map is not beside the seal" : "its block map vm-disk1.map is not the sealed one", claim.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_longer_or_missing_disk_and_a_changed_file_are_said()
    {
        await SealMachine("raw");
        var disk = Path.Combine(folder, "vm-disk1.raw");
        using (var file = PosixFile.Open(disk, OpenMode.ReadWrite)) file.SetLength(Length + 512);
        File.AppendAllText(Path.Combine(folder, "vm.xml"), " ");
        File.Delete(Path.Combine(folder, "vm.start.sh"));
        var result = await Verify();
        Assert.Equal("its length is 33,554,944 bytes, sealed were 33,554,432 bytes", Claim(result, "disk1").Text);
        Assert.False(Claim(result, "vm.xml").Holds);
        Assert.False(Claim(result, "vm.start.sh").Holds);

        File.Move(disk, Path.Combine(folder, "elsewhere"));
        Assert.Contains("is not there", Claim(await Verify(), "disk1").Text, StringComparison.Ordinal);
        using (var file = PosixFile.Open(Path.Combine(folder, "elsewhere"), OpenMode.ReadWrite)) file.SetLength(Length);
        result = await SealVerifier.VerifyAsync(Seal, new SealVerifyOptions { StateDirectory = state, DiskFiles = new Dictionary<string, string> { ["disk1"] = Path.Combine(folder, "elsewhere"), ["disk7"] = "x" } }, null, Cancel);
        Assert.True(Claim(result, "disk1").Holds);
        Assert.False(Claim(result, "disk7").Holds);
    }

    [Fact]
    public async Task An_image_that_was_replaced_by_one_with_a_backing_file_is_refused()
    {
        await SealMachine("qcow2");
        var disk = Path.Combine(folder, "vm-disk1.qcow2");
        File.Move(disk, Path.Combine(folder, "base.qcow2"));
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", disk), Cancel);
        var claim = Claim(await Verify(), "disk1");
        Assert.False(claim.Holds);
        Assert.Contains("backing", claim.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_seal_of_an_unknown_key_is_not_ok_and_nothing_else_is_believed()
    {
        await SealMachine("raw");
        using var other = SealKey.OpenOrCreate(Path.Combine(folder, "other"));
        foreach (var options in new[] { new SealVerifyOptions(), new SealVerifyOptions { StateDirectory = Path.Combine(folder, "none") }, new SealVerifyOptions { PublicKeyPath = other.PublicKeyPath }, new SealVerifyOptions { PublicKeyPath = Path.Combine(folder, "missing.pub") } })
        {
            var result = await SealVerifier.VerifyAsync(Seal, options, null, Cancel);
            Assert.False(result.Ok);
            Assert.Equal("signature", Assert.Single(result.Claims).Subject);
            Assert.Null(result.Predicate);
        }

        Assert.True((await SealVerifier.VerifyAsync(Seal, new SealVerifyOptions { PublicKeyPath = key.PublicKeyPath }, null, Cancel)).Ok);
    }

    [Fact]
    public async Task A_changed_seal_is_not_ok()
    {
        await SealMachine("raw");
        var text = File.ReadAllText(Seal);
        var payload = Regex.Match(text, "\"payload\":\"([^\"]+)\"").Groups[1].Value;
        var forged = Encoding.UTF8.GetString(Convert.FromBase64String(payload)).Replace("\"cpus\":4", "\"cpus\":8", StringComparison.Ordinal);
        File.WriteAllText(Seal, text.Replace(payload, Convert.ToBase64String(Encoding.UTF8.GetBytes(forged)), StringComparison.Ordinal));
        Assert.StartsWith("invalid: ", Assert.Single((await Verify()).Claims).Text, StringComparison.Ordinal);
        File.WriteAllText(Seal, "");
        Assert.False((await Verify()).Ok);
    }

    [Fact]
    public async Task A_genuine_report_of_a_failure_is_no_proof_of_a_machine()
    {
        SealWriter.Write(folder, "vm", ExampleSeals.Failed(), key);
        var result = await Verify();
        Assert.False(result.Ok);
        Assert.True(Claim(result, "signature").Holds);
        Assert.StartsWith("failed: ", Claim(result, "verdict").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Contradictions_are_not_signed()
    {
        const string Volume = "qemu+ssh://root@host/system:/srv/vms/a.raw";
        var there = new SealedTarget("qemu+ssh://root@host/system", "a", Guid.NewGuid().ToString("D"), "default", string.Empty, ["a.raw"]);
        var p = ExampleSeals.Sealed();
        var d = p.Disks[0];
        SealPredicate[] lies =
        [
            p with { Reasons = [] },
            p with { Disks = [] },
            p with { Disks = [d with { TargetRoot = ExampleSeals.Digest("x") }] },
            p with { Disks = [d with { SourceRoot = null, TargetRoot = null }] },
            p with { Disks = [d with { FinalReadBackRoot = ExampleSeals.Digest("x") }] },
            p with { Disks = [d with { FinalReadBackRoot = null }] },
            p with { Disks = [d with { Changed = null }] },
            p with { Disks = [d with { Mismatches = [new SealedMismatch(0, 65536, "read-back", "", "", "", false)] }] },
            p with { Disks = [d, d] },
            p with { Disks = [d with { TargetFile = "a/b" }] },
            .. new[] { "nbds://host/x", "nbd://HOST/x", "nbd://host/x\n", "where", "" }.Select(e => p with { Disks = [d with { TargetFile = "a.nbd", TargetFormat = "raw", TargetExport = e }] }),
            p with { Disks = [d with { TargetExport = "nbd://host/x" }] }, // beside a file that does not stand for it
            .. new[]
            {
                "", "where", "/srv/vms/a.raw", "qemu:///system:/srv/vms/a.raw", "qemu+ssh://host/system", "qemu+ssh://host/system:a.raw", "qemu+ssh://host/system:/srv/../a.raw", "qemu+ssh://host/system:/srv//a.raw",
                "qemu+tcp://host/system:/a.raw", "qemu+ssh://HOST/system:/a.raw", "qemu+ssh://host/other:/a.raw", "qemu+ssh://-oProxyCommand=x/system:/a.raw", "qemu+ssh://u:secret@host/system:/a.raw",
                "qemu+ssh://host/system?keyfile=%2Fk:/a.raw", "qemu+ssh://host/system?command=%2Fevil:/a.raw", "qemu+ssh://host/system?no_verify=1:/a.raw", "qemu+ssh://host/system:/a\n.raw", "qemu+ssh:///system:/a.raw",
            }.Select(v => p with { Target = there, Disks = [d with { TargetFile = "a.volume", TargetVolume = v }] }),
            p with { Disks = [d with { TargetFile = "a.volume", TargetVolume = Volume }] }, // of a machine that no host has
            p with { Target = there with { Uri = "qemu+ssh://root@other/system" }, Disks = [d with { TargetFile = "a.volume", TargetVolume = Volume }] },
            p with { Target = there, Disks = [d with { TargetFile = "a.raw" }] },
            p with { Target = there, Disks = [d with { TargetVolume = Volume }] }, // beside a file that does not stand for it
            p with { Target = there, Disks = [d with { TargetFile = "a.volume", TargetFormat = "raw", TargetVolume = Volume, TargetExport = "nbd://host/x" }] },
            p with { FindingsAfter = [new SealedFinding("c", FindingStanding.New, "f", "d", "t", null)] },
            p with { FindingsBefore = [new SealedFinding("c", FindingStanding.Inherited, "f", "d", "t", null)] },
            p with { FindingsAfter = [new SealedFinding("c", FindingStanding.Waived, "f", "d", "t", "because")] },
            p with { Verdict = Verdict.Degraded },
            p with { Verdict = Verdict.Degraded, FindingsAfter = [new SealedFinding("c", FindingStanding.Waived, "f", "d", "t", " ")] },
            p with { Verdict = Verdict.Failed },
            p with { Steps = [p.Steps[0] with { Outcome = StepOutcome.Failed }] },
            .. PointLies(p.Points!).Select(l => p with { Points = l }),
            .. FileLies(p.FileChanges!).Select(l => p with { FileChanges = l }),
            p with { HandedOver = [.. p.HandedOver.Where(f => f.Role != SealedFileChanges.ListRole)] },
            p with { Disks = [d with { Changed = null, FinalRoot = d.SourceRoot, FinalReadBackRoot = d.SourceRoot }] }, // and files changed
        ];
        foreach (var lie in lies) Assert.Equal("SL7501", Assert.Throws<SealiftException>(() => SealWriter.Write(folder, "lie", lie, key)).Code);
        Assert.Empty(Directory.GetFiles(folder, "lie*"));
        foreach (var honest in new[] { p, p with { Disks = [d with { TargetFile = "a.nbd", TargetFormat = "raw", TargetExport = "nbd://host/x" }] }, p with { Target = there, Disks = [d with { TargetFile = "a.volume", TargetVolume = Volume }] }, ExampleSeals.Degraded(), ExampleSeals.Failed() }) SealWriter.Write(folder, "honest", honest, key, replace: true);
    }

    private static IEnumerable<IReadOnlyList<SealedPoint>> PointLies(IReadOnlyList<SealedPoint> points)
    {
        IReadOnlyList<SealedPoint> Replace(int at, Func<SealedPoint, SealedPoint> by) => [.. points.Select((t, i) => i == at ? by(t) : t)];
        SealedPoint Unchecked(SealedPoint t) => t with { Standing = PointStanding.Unchecked, Step = "", CheckedCount = 0, UncheckedCount = 0, SameAs = "", ProvenBy = "" };
        yield return [];
        yield return [.. points.Take(3)];
        yield return [.. points.Reverse()];
        for (var i = 0; i < points.Count; i++) yield return Replace(i, Unchecked); // and the verdict is sealed
        yield return Replace(0, t => t with { Step = "guess" });
        yield return Replace(0, t => t with { CheckedCount = -1 });
        yield return Replace(1, t => t with { SameAs = "", ProvenBy = "" });
        yield return Replace(1, t => t with { ProvenBy = "" });
        yield return Replace(1, t => t with { SameAs = SealedPoint.CommittedTarget }); // a later one
        yield return Replace(1, t => t with { CheckedCount = 1 });
        yield return Replace(3, t => Unchecked(t) with { Standing = PointStanding.Absent }); // and a disk was converted
        yield return [Unchecked(points[0]), .. points.Skip(1)];
    }

    private static IEnumerable<SealedFileChanges> FileLies(SealedFileChanges c)
    {
        var (filesystem, file) = (c.Filesystems[0], c.First[0]);
        yield return c with { Filesystems = [filesystem, filesystem] };
        yield return c with { Filesystems = [filesystem with { Changed = -2 }] };
        yield return c with { Filesystems = [filesystem with { NotTold = "because" }] };
        yield return c with { Filesystems = [filesystem with { Filesystem = "other" }] };
        yield return c with { Filesystems = [filesystem with { Changed = 1, Added = 2 }] }; // two are named as changed
        yield return c with { Listed = 3 };
        yield return c with { Listed = 5 };
        yield return c with { First = [], Listed = 4 };
        yield return c with { First = [file with { Path = "" }, .. c.First.Skip(1)] };
        yield return c with { First = [file with { Path = new string('x', 1025) }, .. c.First.Skip(1)] };
        yield return c with { First = [file with { BytesAfter = null }, .. c.First.Skip(1)] };
        yield return c with { First = [file with { BytesBefore = null }, .. c.First.Skip(1)] };
        yield return c with { List = "web-01.xml" };
    }

    [Fact]
    public void A_seal_from_before_files_were_compared_is_read()
    {
        var json = Encoding.UTF8.GetString(SealStatement.Of(ExampleSeals.Sealed()).ToJson());
        var at = json.IndexOf("\"fileChanges\":", StringComparison.Ordinal);
        var end = json.IndexOf("\"notChecked\":", StringComparison.Ordinal);
        Assert.True(0 < at && at < end && json[at..end].IndexOf("\"boot\":", StringComparison.Ordinal) > 0);
        var earlier = SealStatement.Parse(Encoding.UTF8.GetBytes(json[..at] + json[json.IndexOf("\"boot\":", StringComparison.Ordinal)..]), "earlier");
        Assert.Null(earlier.Predicate.FileChanges);
        Assert.NotNull(SealStatement.Parse(Encoding.UTF8.GetBytes(json), "now").Predicate.FileChanges);
    }

    [Fact]
    public async Task Python_and_openssl_alone_verify_it()
    {
        await SealMachine("raw");
        var script = Path.Combine(folder, "verify.py");
        File.WriteAllText(script, VerifyByHand.Script);
        var command = new ChildCommand("python3", script, Seal, key.PublicKeyPath) { WorkingDirectory = folder, AcceptedExitCodes = [0, 1] };
        var run = await ChildProcess.RunAsync(command, Cancel);
        Assert.True(run.ExitCode == 0, run.Output + run.ErrorTail);
        Assert.Contains("Verified OK", run.Output, StringComparison.Ordinal);
        Assert.Contains("vm-disk1.raw ok ", run.Output, StringComparison.Ordinal);
        Assert.Contains("vm.xml ok ", run.Output, StringComparison.Ordinal);

        await FlipBit("raw", 8 << 20);
        run = await ChildProcess.RunAsync(command, Cancel);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("vm-disk1.raw DIFFERS", run.Output, StringComparison.Ordinal);

        File.WriteAllText(Seal, File.ReadAllText(Seal).Replace("\"payload\":\"ey", "\"payload\":\"fy", StringComparison.Ordinal));
        run = await ChildProcess.RunAsync(command, Cancel);
        Assert.Equal(1, run.ExitCode);
        Assert.DoesNotContain("Verified OK", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_format_page_shows_the_same_program_as_every_seal()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Directory.Build.props"))) root = root.Parent!;
        Assert.Contains(VerifyByHand.Script, File.ReadAllText(Path.Combine(root.FullName, "docs", "formats", "seal.md")), StringComparison.Ordinal);
    }

    private async Task SealMachine(string format)
    {
        var name = $"vm-disk1.{format}";
        var path = Path.Combine(folder, name);
        var image = format == "raw" ? ImageFormat.Raw : ImageFormat.Qcow2;
        await DiskImage.CreateAsync(path, image, Length, Cancel);
        await using (var disk = await DiskImage.OpenWriteAsync(path, image, folder, Cancel))
        {
            var data = new byte[1 << 20];
            new Random(1).NextBytes(data);
            foreach (var mebibyte in new[] { 0, 8, 9, 20 }) await disk.WriteAsync((long)mebibyte << 20, data, Cancel);
            await disk.CloseAsync(Cancel);
        }

        var mapPath = Path.Combine(folder, "vm-disk1.map");
        byte[] root;
        DiskPicture picture;
        using (var map = BlockMap.Create(mapPath, Length, BlkhashParameters.Default))
        {
            await using var reader = await DiskImage.OpenUncachedAsync(path, image, folder, Cancel);
            root = await DiskHash.RunAsync(reader, BlkhashParameters.Default, map, CopyOptions.Default, null, Cancel);
            picture = DiskPicture.Of(map, [], []);
            map.Close();
        }

        var hex = Convert.ToHexStringLower(root);
        File.WriteAllText(Path.Combine(folder, "vm.xml"), "<domain/>");
        File.WriteAllText(Path.Combine(folder, "vm.start.sh"), "exec true");
        var p = ExampleSeals.Sealed();
        var files = SealWriter.Write(
            folder,
            "vm",
            p with
            {
                Disks =
                [
                    ExampleSeals.Disk("disk1", "d", Length, converted: false) with
                    {
                        SourceRoot = hex, TargetRoot = hex, FinalRoot = hex, FinalReadBackRoot = hex, TargetFile = name, TargetFormat = format, Picture = picture,
                        BlockMap = FileDigest.Of("block map", mapPath, Cancel),
                    },
                ],
                FileChanges = null,
                HandedOver = [FileDigest.Of("domain XML", Path.Combine(folder, "vm.xml"), Cancel), FileDigest.Of("start script", Path.Combine(folder, "vm.start.sh"), Cancel)],
            },
            key);
        Assert.Equal(Seal, files.SealPath);
        Assert.True(File.Exists(files.PagePath));
    }

    private async Task FlipBit(string format, long offset)
    {
        var path = Path.Combine(folder, $"vm-disk1.{format}");
        await using var disk = await DiskImage.OpenWriteAsync(path, format == "raw" ? ImageFormat.Raw : ImageFormat.Qcow2, folder, Cancel);
        var one = new byte[1];
        await disk.ReadAsync(offset, one, Cancel);
        one[0] ^= 4;
        await disk.WriteAsync(offset, one, Cancel);
        await disk.CloseAsync(Cancel);
    }

    private Task<SealVerification> Verify() => SealVerifier.VerifyAsync(Seal, new SealVerifyOptions { StateDirectory = state }, null, Cancel);

    private static ClaimResult Claim(SealVerification result, string subject) => Assert.Single(result.Claims, c => c.Subject == subject);

    private static string Lines(SealVerification result) => string.Join('\n', result.Claims);

    private sealed class Collect(List<SealProgress> seen) : IProgress<SealProgress>
    {
        public void Report(SealProgress value)
        {
            lock (seen) seen.Add(value);
        }
    }
}
