using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Disks.Tests;

/// <summary>Disks that an ESXi host clones: over a real sshd, by a vmkfstools that is none and does what the test says.</summary>
public sealed class EsxiCloneTests : IClassFixture<StandInEsxi>, IDisposable
{
    /// <summary>How long a host is waited for that is this one.</summary>
    internal static readonly EsxiPatience Short = new()
    {
        Beat = TimeSpan.FromMilliseconds(500), Lease = TimeSpan.FromSeconds(20), Grace = TimeSpan.FromSeconds(1), Silence = TimeSpan.FromSeconds(60), Sight = TimeSpan.FromSeconds(1),
    };

    private const int MiB = 1 << 20;
    private const long Length = (5L * MiB) + 512;
    private readonly string folder = Directory.CreateTempSubdirectory("clone-").FullName;
    private readonly StandInEsxi esxi;

    public EsxiCloneTests(StandInEsxi esxi)
    {
        this.esxi = esxi;
        esxi.Behave("honest");
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task It_is_taken_by_itself_and_tells_of_its_progress_and_leaves_nothing_but_the_disk()
    {
        using var run = Run();
        var percents = new List<long>();
        run.OnProgress = (stage, progress) =>
        {
            if (stage == "clone") percents.Add(progress.DoneBytes * 100 / Length);
        };
        var report = await run.CopyAsync(TransferPlan.Auto);
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Equal((EsxiCloneTransfer.ItsName, (string?)null, 1), (report.Transfer!.Used, report.Transfer.Declined, esxi.Calls));
        Assert.Equal(["reflink", "copy-range", "xcopy"], report.Transfer.PassedOver.Select(p => p.Name));
        Assert.Equal([0, 16, 53, 98, 99], percents); // of 0, 17, 54, 99 and 100 %, in whole bytes of a hundredth
        DemandNothingElse(run);
    }

    /// <summary>What it said and did not do is found by the read-back, however it looks; where there is no such file at all, nobody begins to read.</summary>
    [Theory]
    [InlineData("zeros", null)]
    [InlineData("half", null)]
    [InlineData("shifted", null)]
    [InlineData("nothing", "there is none")]
    [InlineData("elsewhere", "there is none")]
    [InlineData("short", "made a disk of 5242880 bytes, and the source has 5243392")]
    [InlineData("pipe", "made a Other and no file")]
    public async Task A_host_that_lies_is_found_out(string lie, string? said)
    {
        esxi.Behave(lie);
        using (var run = Run())
        {
            var report = await run.CopyAsync(EsxiCloneTransfer.ItsName);
            run.DemandSame(report);
            Assert.Equal((EsxiCloneTransfer.ItsName, 1), (report.Transfer!.Used, esxi.Calls));
            if (said is null) Assert.InRange(report.Transfer.RepairedBytes, MiB, Length);
            else Assert.Contains(said, report.Transfer.Declined, StringComparison.Ordinal);
            Assert.Equal((said is null, said is null), (report.Repaired.Count > 0, report.Transfer.OffloadedBytes > 0));
            DemandNothingElse(run);
        }

        using var strict = Run();
        Assert.Equal(said is null ? "SL4284" : "SL4283", (await Assert.ThrowsAsync<SealiftException>(() => strict.CopyAsync(EsxiCloneTransfer.ItsName, mayFallBack: false))).Code);
        Assert.False(File.Exists(strict.Target));
        Assert.DoesNotContain(Directory.EnumerateFiles(strict.Work), f => Path.GetFileName(f).StartsWith(MadeFile.Prefix, StringComparison.Ordinal));
        if (said is null) return;
        // Asked again, it is asked again: what an attempt left is not what a stream has begun.
        esxi.Behave("honest");
        strict.DemandSame(await strict.CopyAsync(EsxiCloneTransfer.ItsName, CopyStart.Resume, mayFallBack: false));
    }

    [Theory]
    [InlineData("fail", "ended with exit code 1: Failed to clone disk: Input/output error (327689)")]
    [InlineData("full", "ended with exit code 1: Failed to clone disk: There is not enough space on the file system for the selected operation (13)")]
    [InlineData("hostile", "ended with exit code 1: it ?[31msaid? this")]
    [InlineData("noisy", "says more than vmkfstools does")]
    [InlineData("hang", "was silent for 00:00:02, and its clone took no more space")]
    public async Task A_clone_that_fails_is_replaced_by_a_stream_and_nothing_of_it_runs_on(string how, string said)
    {
        esxi.Behave(how);
        using (var run = Run(Short with { Silence = TimeSpan.FromSeconds(2) }))
        {
            var report = await run.CopyAsync(EsxiCloneTransfer.ItsName);
            run.DemandSame(report);
            Assert.Empty(report.Repaired);
            Assert.Contains(said, report.Transfer!.Declined, StringComparison.Ordinal);
            Assert.Equal((0L, 0L, 1), (report.Transfer.DeclinedAt, report.Transfer.OffloadedBytes, esxi.Calls));
            Assert.Empty(esxi.Running());
            DemandNothingElse(run);
        }

        using var strict = Run(Short with { Silence = TimeSpan.FromSeconds(2) });
        var failed = await Assert.ThrowsAsync<SealiftException>(() => strict.CopyAsync(EsxiCloneTransfer.ItsName, mayFallBack: false));
        Assert.Equal("SL4283", failed.Code);
        Assert.Contains(said, failed.Message, StringComparison.Ordinal);
        Assert.Empty(esxi.Running());
    }

    /// <summary>Ours ends, and so does what works there, even where it does not want to; a resume then clones anew.</summary>
    [Theory]
    [InlineData("slow")]
    [InlineData("stubborn")]
    public async Task A_copy_that_is_cancelled_leaves_nothing_that_runs(string how)
    {
        esxi.Behave(how);
        using var run = Run();
        using var stop = new CancellationTokenSource();
        run.Stop = stop.Token;
        run.OnProgress = (_, _) => stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.CopyAsync(EsxiCloneTransfer.ItsName));
        Assert.Equal(1, esxi.Calls);
        Assert.Empty(esxi.Running());
        Assert.Equal(["blockmap", "copy.json", "disk", "lock"], Directory.EnumerateFiles(run.Work).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        (run.Stop, run.OnProgress) = (null, null);
        esxi.Behave("honest");
        var report = await run.CopyAsync(EsxiCloneTransfer.ItsName, CopyStart.Resume);
        run.DemandSame(report);
        Assert.Equal((1, (string?)null), (esxi.Calls, report.Transfer!.Declined));
    }

    /// <summary>The host goes on for a while when we are killed. That comes before anything else, for who goes on and for who begins anew.</summary>
    [Theory]
    [InlineData(CopyStart.Resume)]
    [InlineData(CopyStart.Restart)]
    public async Task A_clone_that_an_earlier_run_left_running_is_ended_first(CopyStart start)
    {
        esxi.Behave("slow");
        var maker = new AbandonedClone(new EsxiCloneTransfer { Patience = Short with { Lease = TimeSpan.FromSeconds(1), Grace = TimeSpan.FromSeconds(1) } }, esxi);
        var run = Run(provider: maker);
        await Assert.ThrowsAsync<InvalidOperationException>(() => run.CopyAsync(EsxiCloneTransfer.ItsName));
        Assert.Single(esxi.Running());
        Assert.NotEmpty(Directory.EnumerateFiles(run.Work, MadeFile.Prefix + "*"));
        // Somebody still tells it to go on: it is not ours to end.
        var refused = await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(EsxiCloneTransfer.ItsName, start));
        Assert.Equal("SL4293", refused.Code);
        var earlier = Assert.Single(esxi.Running());
        await maker.Connection!.DisposeAsync();
        // It tidies up by itself: all but the permit, which was taken back above.
        for (var left = 500; Directory.EnumerateFiles(run.Work, MadeFile.Prefix + "*").Any(); left--)
        {
            Assert.True(left > 0, string.Join(' ', Directory.EnumerateFiles(run.Work)));
            await Task.Delay(20, Cancel);
        }

        esxi.Behave("honest");

        using var again = Run();
        again.DemandSame(await again.CopyAsync(EsxiCloneTransfer.ItsName, start));
        Assert.Equal((1, false), (esxi.Calls, Directory.Exists($"/proc/{earlier}")));
        DemandNothingElse(again);
    }

    /// <summary>A connection that hangs, and nobody at its other end.</summary>
    [Fact]
    public async Task Without_being_told_to_go_on_it_does_not()
    {
        esxi.Behave("slow");
        using var run = Run();
        var file = Host().CloneAt(Path.Combine(folder, "sealift-x-flat.vmdk"))!;
        await File.WriteAllTextAsync(Path.Combine(folder, "sealift-x.permit"), "nonce", Cancel);
        await using var child = ChildProcess.Start(EsxiScript.Clone(Host().Ssh, run.Source, file.There, "nonce", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)));
        var lines = new List<string>();
        while (await child.ReadLineAsync(Cancel) is { } line) lines.Add(line);
        Assert.Equal(0, await child.WaitAsync(Cancel));
        Assert.Equal($"{EsxiScript.Ended}143", lines[^1]); // 128 + SIGTERM
        Assert.Empty(esxi.Running());
        Assert.Equal(["sealift-x.permit"], Directory.EnumerateFiles(folder, "sealift-*").Select(Path.GetFileName));
    }

    /// <summary>Who is taken back before it has begun does not begin later.</summary>
    [Fact]
    public async Task Without_its_permit_it_does_not_begin()
    {
        using var run = Run();
        var file = Host().CloneAt(Path.Combine(folder, "sealift-x-flat.vmdk"))!;
        Assert.Equal(
            $"127.0.0.1 does not see what this host writes into {folder}: {Path.GetDirectoryName(file.There)} is another directory",
            await new EsxiClone(Host().Ssh, run.Source, file, Short).RunAsync("nonce", _ => { }, Cancel));
        Assert.Equal(0, esxi.Calls);
    }

    [Fact]
    public async Task A_host_that_has_another_directory_under_that_name_makes_nothing_there()
    {
        using var run = Run(host: HostOf(Twin()));
        var report = await run.CopyAsync(EsxiCloneTransfer.ItsName);
        run.DemandSame(report);
        Assert.Contains("is another directory", report.Transfer!.Declined, StringComparison.Ordinal);
        Assert.Equal(0, esxi.Calls);

        // A directory that has all that the host is asked for, and is not the one.
        string Twin()
        {
            var twin = Directory.CreateDirectory(Path.Combine(folder, "twin")).FullName;
            Directory.CreateDirectory(Path.Combine(twin, "target.sealift-copy"));
            File.WriteAllText(Path.Combine(twin, "it's a $(disk).vmdk"), string.Empty);
            return twin;
        }

        EsxiHost HostOf(string directory) => new(esxi.Uri(), [new EsxiDatastore(folder, esxi.Datastore(directory))]);
    }

    [Fact]
    public async Task A_host_that_is_not_known_or_does_not_let_us_in_is_not_asked_and_the_reason_is_told()
    {
        var stranger = Path.Combine(folder, "stranger");
        await Scratch.ToolAsync("ssh-keygen", "-q", "-t", "ed25519", "-N", string.Empty, "-f", stranger);
        await RefusedAsync(new EsxiHost(esxi.UriWith(stranger), Host().Datastores), "Permission denied (publickey");
        var known = await File.ReadAllTextAsync(esxi.KnownHosts, Cancel);
        try
        {
            var words = known.Split(' ');
            var other = (await File.ReadAllTextAsync(stranger + ".pub", Cancel)).Split(' ');
            await File.WriteAllTextAsync(esxi.KnownHosts, $"{words[0]} {other[0]} {other[1]}\n", Cancel);
            await RefusedAsync(Host(), "Host key verification failed");
            await File.WriteAllTextAsync(esxi.KnownHosts, string.Empty, Cancel);
            await RefusedAsync(Host(), "Host key verification failed");
        }
        finally
        {
            await File.WriteAllTextAsync(esxi.KnownHosts, known, Cancel);
        }

        async Task RefusedAsync(EsxiHost host, string said)
        {
            var asked = Run(host: host);
            var refused = await Assert.ThrowsAsync<SealiftException>(() => asked.CopyAsync(EsxiCloneTransfer.ItsName));
            Assert.Equal("SL4281", refused.Code);
            Assert.Contains(said, refused.Message, StringComparison.Ordinal);
            Assert.False(asked.HasBegun || Directory.Exists(asked.Work));
            var report = await asked.CopyAsync(TransferPlan.Auto);
            asked.DemandSame(report);
            Assert.Contains(report.Transfer!.PassedOver, p => p.Name == EsxiCloneTransfer.ItsName && p.Why.Contains(said, StringComparison.Ordinal));
            File.Delete(asked.Target);
            File.Delete(asked.Map);
        }
    }

    [Theory]
    [InlineData("no host", "no ESXi host was named")]
    [InlineData("no datastore", "no datastore was named")]
    [InlineData("raw", "the source is no VMDK")]
    [InlineData("streamOptimized", "streamOptimized, which vmkfstools does not clone")]
    [InlineData("member", "a member of a container")]
    [InlineData("qcow2", "the target is qcow2")]
    [InlineData("bandwidth", "a limit of the bandwidth")]
    [InlineData("source", "the source lies in no datastore")]
    [InlineData("target", "the target lies in no datastore")]
    [InlineData("part", "a part of the source lies outside of its datastore: /elsewhere/parent.vmdk")]
    [InlineData("link", "is a symbolic link")]
    [InlineData("line", "has control characters in its name")]
    public async Task What_it_cannot_is_said_before_anybody_is_asked(string what, string said)
    {
        var source = new TransferEnd(Path.Combine(folder, "a.vmdk"), 0, MiB, ImageFormat.Vmdk) { Files = [Path.Combine(folder, "a-flat.vmdk")] };
        var target = new TransferEnd(Path.Combine(folder, "b"), 0, MiB, ImageFormat.Raw);
        await File.WriteAllTextAsync(target.Path!, string.Empty, Cancel);
        File.CreateSymbolicLink(Path.Combine(folder, "link"), folder);
        var ends = new TransferEnds(source, target, 65536, false) { Esxi = new EsxiHost("ssh://nowhere.invalid", [new EsxiDatastore(folder, "/vmfs/volumes/x")]) };
        ends = what switch
        {
            "no host" => ends with { Esxi = null },
            "no datastore" => ends with { Esxi = ends.Esxi! with { Datastores = [] } },
            "raw" => ends with { Source = source with { Format = ImageFormat.Raw } },
            "streamOptimized" => ends with { Source = source with { Subformat = what } },
            "member" => ends with { Source = source with { Offset = 512 } },
            "qcow2" => ends with { Target = target with { Format = ImageFormat.Qcow2 } },
            "bandwidth" => ends with { IsSlowed = true },
            "source" => ends with { Source = source with { Path = folder + "-not/a.vmdk" } },
            "target" => ends with { Esxi = ends.Esxi! with { Datastores = [new EsxiDatastore(folder + "/sub", "/vmfs/volumes/x"), new EsxiDatastore("/elsewhere", "/vmfs/volumes/y")] }, Source = source with { Path = "/elsewhere/a.vmdk", Files = [] } },
            "part" => ends with { Source = source with { Files = ["/elsewhere/parent.vmdk"] } },
            "link" => ends with { Source = source with { Files = [Path.Combine(folder, "link", "a-flat.vmdk")] } },
            _ => ends with { Source = source with { Path = folder + "/a\n.vmdk" } },
        };
        Assert.Contains(said, (await new EsxiCloneTransfer().LookAsync(ends, Cancel)).WhyNot, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Clone: 12% done.", 12)]
    [InlineData("Clone: 0% done.", 0)]
    [InlineData("Clone: 100% done.", 100)]
    [InlineData("Clone: 101% done.", null)]
    [InlineData("Clone: 1000% done.", null)]
    [InlineData("Clone: 1.5% done.", null)]
    [InlineData("Clone: % done.", null)]
    [InlineData("", null)]
    public void Percentages_are_read_from_its_lines(string line, int? percent) => Assert.Equal(percent, EsxiClone.PercentOf(line));

    [Theory]
    [InlineData("ssh://root@esx1", "SL4291", true)]
    [InlineData("ssh://root@[fe80::1]:2222?keyfile=/k&command=/usr/bin/ssh", "SL4291", true)]
    [InlineData("esx1", "SL4291", false)]
    [InlineData("http://esx1", "SL4291", false)]
    [InlineData("ssh:///", "SL4291", false)]
    [InlineData("ssh://-oProxyCommand=x", "SL4291", false)]
    [InlineData("ssh://-l@esx1", "SL4291", false)]
    [InlineData("ssh://root:secret@esx1", "SL4291", false)]
    [InlineData("ssh://esx1/path", "SL4291", false)]
    [InlineData("ssh://esx1?keyfile=relative", "SL4291", false)]
    [InlineData("ssh://esx1?StrictHostKeyChecking=no", "SL4291", false)]
    [InlineData("/mnt/a=/vmfs/volumes/a", "SL4292", true)]
    [InlineData("/mnt/a=b=/vmfs/volumes/with blank", "SL4292", true)]
    [InlineData("/mnt/a", "SL4292", false)]
    [InlineData("=/vmfs/volumes/a", "SL4292", false)]
    [InlineData("/=/vmfs/volumes/a", "SL4292", false)]
    [InlineData("/mnt/a=/", "SL4292", false)]
    [InlineData("/mnt/a=/vmfs/../etc", "SL4292", false)]
    [InlineData("/mnt/a=/vmfs//a", "SL4292", false)]
    [InlineData("/mnt/a=/vmfs/volumes/a\nb", "SL4292", false)]
    public void Hosts_and_datastores_are_read_strictly(string text, string code, bool isFine)
    {
        EsxiHost Read() => code == "SL4291" ? EsxiHost.Parse(text, []) : EsxiHost.Parse("ssh://esx1", [text]);
        if (isFine)
        {
            Assert.Equal("/vmfs/volumes/", Read().Datastores.Select(d => d.There[..14]).DefaultIfEmpty("/vmfs/volumes/").Single());
            return;
        }

        var refused = Assert.Throws<SealiftException>(Read);
        Assert.Equal(code, refused.Code);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    private EsxiHost Host() => esxi.Host(folder);

    private TransferRun Run(EsxiPatience? patience = null, EsxiHost? host = null, ITransferProvider? provider = null)
    {
        var run = new TransferRun(folder)
        {
            Esxi = host ?? Host(),
            Providers = [.. TransferPlan.Providers.Where(p => p is not EsxiCloneTransfer), provider ?? new EsxiCloneTransfer { Patience = patience ?? Short }],
        };
        if (!File.Exists(run.Source)) run.Make(Length, (0, 2 * MiB), (3 * MiB, (2 * MiB) + 512));
        return run;
    }

    private void DemandNothingElse(TransferRun run) =>
        Assert.Equal(new[] { run.Source, run.Descriptor, run.Target, run.Map }.Order(StringComparer.Ordinal), Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal));

    /// <summary>A provider whose process is killed while the host works: the connection is still held by somebody else.</summary>
    private sealed class AbandonedClone(EsxiCloneTransfer provider, StandInEsxi esxi) : IFileMaker
    {
        public string Name => provider.Name;

        public ChildProcess? Connection { get; private set; }

        public ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel) => provider.LookAsync(ends, cancel);

        public ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel) => provider.OpenAsync(ends, cancel);

        public MadeFile Plan(TransferEnds ends) => provider.Plan(ends);

        public Task<string?> EndAsync(MadeFile file, CancellationToken cancel) => provider.EndAsync(file, cancel);

        public async Task<string?> MakeAsync(TransferEnds ends, MadeFile file, IProgress<long>? progress, CancellationToken cancel)
        {
            await File.WriteAllTextAsync(file.Beside[1], "nonce", cancel);
            Connection = ChildProcess.Start(EsxiScript.Clone(ends.Esxi!.Ssh, ends.Esxi.Of(ends.Source.Path!)!.NameOf(ends.Source.Path!), file.There, "nonce", TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(1)));
            for (var left = 500; esxi.Running().Count == 0; left--)
            {
                Assert.True(left > 0 && Connection.IsRunning, Connection.ErrorTail);
                await Task.Delay(20, cancel);
            }

            throw new InvalidOperationException("killed");
        }
    }
}
