using System.Text;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Validation;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Plans.Tests.Validation;

public sealed class PlanValidationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    private const string Others = """
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: vc1}
        spec: {type: vsphere, url: vc1}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: kvm}
        spec: {type: libvirt, url: "qemu+ssh://root@host7/system?keyfile=/k"}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: packages}
        spec: {type: ova, url: /srv/ova}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: images}
        spec: {type: image, url: /srv/images}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: here}
        spec: {type: directory, url: /srv/vms/}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: local}
        spec: {type: libvirt, url: "qemu:///system"}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: relative}
        spec: {type: directory, url: srv/vms}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: tcp}
        spec: {type: libvirt, url: "qemu+tcp://host7/system"}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: session}
        spec: {type: libvirt, url: "qemu+ssh://host7/system/web"}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: password}
        spec: {type: libvirt, url: "qemu+ssh://root:geheim@host7/system"}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: StorageMap
        metadata: {name: fast}
        spec: {map: [{source: {name: "*"}, destination: {storageClass: fast, format: qcow2}}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: StorageMap
        metadata: {name: cloned}
        spec: {map: [{source: {name: "*"}, destination: {storageClass: fast, transfer: reflink}}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: StorageMap
        metadata: {name: bad}
        spec:
          map:
          - {source: {name: a}, destination: {storageClass: ../x}}
          - {source: {name: a}, destination: {format: qcow2, transfer: reflink}}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: NetworkMap
        metadata: {name: nets}
        spec:
          map:
          - {source: {name: VM Network}, destination: {type: network, name: default}}
          - {source: {name: dmz}, destination: {type: bridge, name: br7}}
          - {source: {name: "*"}, destination: {type: ignored}}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: NetworkMap
        metadata: {name: badnets}
        spec:
          map:
          - {source: {name: a}, destination: {type: network}}
          - {source: {name: a}, destination: {type: ignored, name: x}}
          - {source: {name: b}, destination: {type: network, name: "bridge:br0"}}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Hook
        metadata: {name: one}
        spec: {program: /bin/one, after: [{name: two}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Hook
        metadata: {name: two}
        spec: {program: /bin/two, after: [{name: three}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Hook
        metadata: {name: three}
        spec: {image: registry/x, after: [{name: one}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Hook
        metadata: {name: lonely}
        spec: {program: relative, image: -x, after: [{name: nobody}]}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Hook
        metadata: {name: good}
        spec: {program: /bin/true}
        """;

    // Each: the rest of the spec (destination "here" and source as given), and the problems: code, field, and whether it stops the plan.
    public static TheoryData<string, string, string[]> Plans => new()
    {
        { "vc1", "vms: [{name: DC0/vm/web01}, {name: DC0/vm/web02}]", [] },
        { "vc1", "vms: [{name: a}]\nhooks: [{hook: {name: good}, step: PreHook}]\nmap: {network: {name: nets}, storage: {name: fast}}", [] },
        { "nobody", "vms: [{name: a}]\nmap: {network: {name: x}, storage: {name: y}}\nhooks: [{hook: {name: z}, step: PreHook}]", ["SL7630 spec.provider.source !", "SL7630 spec.map.storage !", "SL7630 spec.map.network !", "SL7630 spec.hooks[0].hook !"] },
        { "vc1", "vms: [{name: a}, {name: b, hooks: [{hook: {name: z}, step: PostHook}]}]", ["SL7630 spec.vms[1].hooks[0].hook !"] },
        { "vc1", "vms: [{name: a}, {name: a, targetName: other}]", ["SL7631 spec.vms[1].name !"] },
        { "vc1", "vms: [{name: a, id: 5021C0DE}, {name: b, id: 5021c0de}]", ["SL7631 spec.vms[1].id !"] },
        { "vc1", "vms: [{name: DC0/vm/x/web}, {name: DC0/vm/y/web}]", ["SL7632 spec.vms[1].targetName !"] },
        { "vc1", "vms: [{name: DC0/vm/x/web, targetName: web-x}, {name: DC0/vm/y/web}]", [] },
        { "vc1", "vms: [{name: a}, {name: b}]\ntargetNameTemplate: same", ["SL7632 spec.vms[1].targetName !"] },
        { "vc1", "vms: [{name: a}]\ntargetNameTemplate: \"{{.VmName}}-{{.Disk}}\"", ["SL7633 spec.targetNameTemplate !"] },
        { "vc1", "vms: [{name: a}]\ntargetNameTemplate: \"{{.VmName}\"", ["SL7633 spec.targetNameTemplate !"] },
        { "vc1", "vms: [{name: web 01}, {name: b, targetName: ../../etc}]", ["SL7633 spec.vms[0].targetName !", "SL7633 spec.vms[1].targetName !"] },
        { "vc1", "vms: [{name: a}]\nhooks: [{hook: {name: two}, step: PreHook}, {hook: {name: one}, step: PostHook}]", ["SL7634 spec.hooks[0].hook !"] },
        { "vc1", "vms: [{name: a}]\nhooks: [{hook: {name: lonely}, step: PreHook}]", ["SL7630 spec.hooks[0].hook !", "SL7643 spec.hooks[0].hook !", "SL7643 spec.hooks[0].hook !", "SL7643 spec.hooks[0].hook !"] },
        { "here", "vms: [{name: a}]", ["SL7635 spec.provider.source !"] },
        { "packages", "vms: [{name: a.ova}]\nautostart: true", ["SL7635 spec.autostart !"] },
        { "vc1", "vms: [{name: a}]\nprecopy: {}", ["SL7636 spec.precopy !"] },
        { "vc1", "vms: [{name: a, type: warm}]\nprecopy: {interval: 10m}", [] },
        { "packages", "vms: [{name: a.ova}, {name: b.ova, type: cold}]\ntype: warm", ["SL7636 spec.type !"] },
        { "packages", "vms: [{name: a.ova}, {name: b.ova, type: warm}]", ["SL7636 spec.vms[1].type !"] },
        { "vc1", "vms: [{name: a}]\ntype: warm\nprecopy: {cutover: \"2026-11-28T22:00:00Z\", downtime: 10s}", ["SL7636 spec.precopy.downtime !"] },
        { "vc1", "vms: [{name: a}]\nmaintenanceWindows: [{start: \"2026-11-28T22:00:00Z\", end: \"2026-11-28T22:00:00Z\"}]", ["SL7637 spec.maintenanceWindows[0].end !"] },
        { "vc1", "vms: [{name: a}]\nmaintenanceWindows: [{start: \"2026-11-25T22:00:00Z\", end: \"2026-11-26T02:00:00Z\"}, {start: \"2026-11-28T22:00:00Z\", end: \"2026-11-29T02:00:00Z\"}]", ["SL7637 spec.maintenanceWindows[0]"] },
        { "vc1", "vms: [{name: a}]\nmaintenanceWindows: [{start: \"2026-11-25T22:00:00Z\", end: \"2026-11-26T02:00:00Z\"}]", ["SL7637 spec.maintenanceWindows[0]", "SL7637 spec.maintenanceWindows !"] },
        { "vc1", "vms: [{name: a}]\ntype: warm\nprecopy: {cutover: \"2026-11-28T22:00:00Z\"}\nmaintenanceWindows: [{start: \"2026-11-28T22:00:01Z\", end: \"2026-11-29T02:00:00Z\"}]", ["SL7639 spec.precopy.cutover !"] },
        { "vc1", "vms: [{name: a}]\ntype: warm\nprecopy: {cutover: \"2026-11-28T23:00:00+01:00\"}\nmaintenanceWindows: [{start: \"2026-11-28T22:00:00Z\", end: \"2026-11-29T02:00:00Z\"}]", [] },
        { "vc1", "vms: [{name: a}]\ntype: warm\nprecopy: {cutover: \"2026-11-01T23:00:00+01:00\"}", ["SL7639 spec.precopy.cutover !"] },
        { "vc1", "vms: [{name: a}]\nlimits: {machines: 2, machinesPerHost: 3}", ["SL7638 spec.limits.machinesPerHost !"] },
        { "vc1", "vms: [{name: a}]\nlimits: {machines: 4, bandwidth: 128K}", ["SL7638 spec.limits.bandwidth !"] },
        { "vc1", "vms: [{name: a}]\nmap: {storage: {name: bad}}", ["SL7640 spec.map.storage !", "SL7640 spec.map.storage !", "SL7640 spec.map.storage !", "SL7640 spec.map.storage !"] },
        { "vc1", "vms: [{name: a}]\nmap: {network: {name: badnets}}", ["SL7641 spec.map.network !", "SL7641 spec.map.network !", "SL7641 spec.map.network !", "SL7641 spec.map.network !"] },
        { "vc1", "vms: [{name: a, waivers: [{class: c, filesystem: f, reason: r}]}]\ncheck: false\nwaivers: [{class: c, filesystem: f, reason: r}]", ["SL7647 spec.check !", "SL7642 spec.waivers !", "SL7642 spec.vms[0].waivers !"] },
        { "vc1", "vms: [{name: a}]\ncheck: false\nacceptDegraded: true", [] },
        { "packages", "vms: [{name: ../a.ova, targetName: a}, {name: /etc/b.ova}, {name: sub/c.ova}, {name: d.ova, id: x}]", ["SL7644 spec.vms[0].name !", "SL7644 spec.vms[1].name !", "SL7644 spec.vms[3].id !"] },
        { "images", "vms: [{name: \"a.vmdk,../b.vmdk\"}, {name: \"b.vmdk,\"}]", ["SL7644 spec.vms[0].name !", "SL7644 spec.vms[1].name !"] },
    };

    [Theory]
    [MemberData(nameof(Plans))]
    public void Everything_that_is_wrong_is_said_with_its_field(string source, string rest, string[] expected)
    {
        var problems = PlanValidation.Check(Documents(source, "here", rest), Now);
        Assert.Equal(expected.Order(StringComparer.Ordinal), problems.Select(p => $"{p.Code} {p.Field}{(p.IsObstacle ? " !" : string.Empty)}").Order(StringComparer.Ordinal));
        Assert.All(problems, p => Assert.True(p.Said.Length > 0 && p.NextStep.Length > 0));
    }

    [Theory]
    [InlineData("vc1", "SL7635 spec.provider.destination")]
    [InlineData("relative", "SL7635 spec.provider.destination")]
    [InlineData("tcp", "SL7635 spec.provider.destination")]
    [InlineData("session", "SL7635 spec.provider.destination")]
    [InlineData("password", "SL7635 spec.provider.destination")]
    [InlineData("kvm", null)]
    [InlineData("local", null)]
    public void A_target_must_be_able_to_receive(string destination, string? expected) =>
        Assert.Equal(expected, PlanValidation.Check(Documents("vc1", destination, "vms: [{name: a}]"), Now).Select(p => $"{p.Code} {p.Field}").SingleOrDefault());

    [Fact]
    public void A_password_in_an_address_is_not_told() =>
        Assert.DoesNotContain("geheim", PlanValidation.Check(Documents("vc1", "password", "vms: [{name: a}]"), Now).Single().Said, StringComparison.Ordinal);

    /// <summary>On this host it can; and what can be done on both is no problem on either.</summary>
    [Theory]
    [InlineData("vms: [{name: a}]\ntype: warm\nprecopy: {readBack: changed}", "SL7635 spec.precopy.readBack !")]
    [InlineData("vms: [{name: a}]\nmap: {storage: {name: cloned}}", "SL7640 spec.map.storage !")]
    [InlineData("vms: [{name: a}]\ntype: warm\nautostart: true\nprecopy: {readBack: full}\nmap: {network: {name: nets}, storage: {name: fast}}", null)]
    public void What_cannot_be_done_on_another_host_is_said_of_the_plan(string rest, string? expected)
    {
        Assert.Equal(expected, Problems("kvm"));
        Assert.Null(Problems("local"));

        string? Problems(string destination) => PlanValidation.Check(Documents("vc1", destination, rest), Now).Select(p => $"{p.Code} {p.Field}{(p.IsObstacle ? " !" : string.Empty)}").SingleOrDefault();
    }

    [Fact]
    public void A_machine_goes_to_a_pool_of_another_host_as_a_command_would_bring_it_there()
    {
        var request = Request("images", "kvm", "vms: [{name: a.raw, targetPowerState: on}]\nautostart: true\nmap: {network: {name: nets}, storage: {name: fast}}", null);
        Assert.Equal(new LibvirtTarget("qemu+ssh://root@host7/system?keyfile=%2Fk", "fast") { Start = true, Autostart = true }, request.Target.Libvirt);
        Assert.Equal((string.Empty, ImageFormat.Qcow2, "bridge:br7"), (request.TargetDirectory, request.Format, request.Overrides.NetworkMap!["dmz"]));
        Assert.Equal("default", Request("images", "kvm", "vms: [{name: a.raw}]", null).Target.Libvirt!.Pool);
    }

    [Fact]
    public void A_machine_becomes_the_migration_that_a_command_would_start()
    {
        var request = Request("vc1", "here", """
            vms:
            - name: DC0/vm/web01
              id: 50210000-0000-0000-0000-000000000001
              waivers: [{class: c2, filesystem: f2, reason: r2}]
            type: warm
            precopy: {interval: 10m, downtime: 30s, audit: sample, readBack: changed, shutdownDeadline: 2m, forceOff: true, restartSource: true}
            map: {network: {name: nets}, storage: {name: fast}}
            waivers: [{class: c1, filesystem: f1, reason: r1}]
            skipGuestConversion: true
            acceptDegraded: true
            overwrite: true
            bootCheck: required
            targetNameTemplate: "{{.PlanName}}-{{.VmName}}"
            """, 1 << 20);
        Assert.Equal(["vsphere://vc1/50210000-0000-0000-0000-000000000001"], request.Sources);
        Assert.Equal("/srv/vms/fast", request.TargetDirectory);
        Assert.Equal((ImageFormat.Qcow2, TransferPlan.Auto, false, true, true, true, BootCheck.Required, 1L << 20), (request.Format, request.Transfer.Name, request.Convert, request.Check, request.AcceptDegraded, request.Overwrite, request.BootCheck, request.BandwidthBytesPerSecond!.Value));
        Assert.Equal(["c1", "c2"], request.Waivers.Select(w => w.Class));
        Assert.Equal("p-web01", request.Overrides.Name);
        Assert.Equal(new Dictionary<string, string> { ["VM Network"] = "default", ["dmz"] = "bridge:br7", ["*"] = "" }, request.Overrides.NetworkMap!);
        Assert.Equal(new WarmPlan { Interval = TimeSpan.FromMinutes(10), Downtime = TimeSpan.FromSeconds(30), Audit = AuditScope.Sample, ReadBack = ReadBackScope.Changed, ShutdownDeadline = TimeSpan.FromMinutes(2), ForceOff = true, RestartSource = true }, request.Warm);
    }

    [Fact]
    public void Sources_are_named_as_their_providers_name_them()
    {
        var domain = Request("kvm", "local", "vms: [{name: web 01, targetName: web, targetPowerState: on}]\nautostart: true", null);
        Assert.Equal(["qemu+ssh://root@host7/system/web%2001?keyfile=/k"], domain.Sources);
        Assert.Equal(DateTimeOffset.UnixEpoch, domain.Warm!.CutoverAt); // cold: at once after its first pass
        Assert.Equal(new LibvirtTarget("qemu:///system", "default") { Start = true, Autostart = true }, domain.Target.Libvirt);
        Assert.Equal(string.Empty, domain.TargetDirectory);
        Assert.Null(domain.Overrides.NetworkMap);

        var images = Request("images", "here", "vms: [{name: \"db/system.vmdk,db/data.vmdk\"}]", null);
        Assert.Equal(["/srv/images/db/system.vmdk", "/srv/images/db/data.vmdk"], images.Sources);
        Assert.Equal(("/srv/vms", "system"), (images.TargetDirectory, images.Overrides.Name));
        Assert.Null(images.Warm);
        Assert.Equal("SL7644", Assert.ThrowsAny<SealiftException>(() => Request("packages", "here", "vms: [{name: ../../etc/shadow}]", null)).Code);
        Assert.Equal("SL7630", Assert.ThrowsAny<SealiftException>(() => Request("nobody", "here", "vms: [{name: a}]", null)).Code);
        Assert.Equal("SL7630", Assert.ThrowsAny<SealiftException>(() => Request("vc1", "here", "vms: [{name: a}]\nmap: {network: {name: nobody}}", null)).Code);
    }

    [Fact]
    public async Task What_one_machine_meets_is_its_own_and_never_the_end_of_the_others()
    {
        var documents = Documents("packages", "here", "vms: [{name: good.ova}, {name: gone.ova}, {name: hangs.ova}, {name: defect.ova}, {name: taken.ova}, {name: ../out.ova, targetName: out}]");
        var (atOnce, most, told) = (0, 0, new System.Collections.Concurrent.ConcurrentBag<string>());
        var report = await PlanValidation.LookAsync(async (request, stop) =>
        {
            var now = Interlocked.Increment(ref atOnce);
            InterlockedMax(ref most, now);
            try
            {
                await Task.Delay(20, stop);
                switch (Path.GetFileName(request.Sources[0]))
                {
                    case "gone.ova": throw new SealiftException("SL6001", "read a source", request.Sources[0], "there is no such file", "Check the path");
                    case "hangs.ova": await Task.Delay(Timeout.Infinite, stop); break;
                    case "defect.ova": throw new InvalidOperationException("a fault of ours");
                    default: break;
                }

                return Forecast(request, request.Sources[0].EndsWith("taken.ova", StringComparison.Ordinal) ? ["SL7101: cannot use a target: it exists. Choose another"] : []);
            }
            finally
            {
                _ = Interlocked.Decrement(ref atOnce);
            }
        }, documents, Now, 2, TimeSpan.FromSeconds(2), new Told(told), TestContext.Current.CancellationToken);
        Assert.InRange(most, 1, 2);
        Assert.Equal(6, told.Count);
        Assert.False(report.CanRun);
        Assert.DoesNotContain(report.Problems, p => p.IsObstacle);
        Assert.Contains(report.Problems, p => p.Code == "SL7646" && p.Said.Contains("/srv/vms", StringComparison.Ordinal)); // together they need more than there is
        Assert.Equal([("good.ova", ""), ("gone.ova", "SL6001"), ("hangs.ova", "SL7645"), ("defect.ova", "SL7645"), ("taken.ova", "SL7101"), ("../out.ova", "SL7644")], report.Machines.Select(m => (m.Machine, m.Problems.SingleOrDefault()?.Code ?? string.Empty)));
        Assert.Equal([true, false, false, false, true, false], report.Machines.Select(m => m.Forecast is not null));
    }

    /// <summary>Each would fit alone, in its directory and in the pool of another host; together they fit in the directories only.</summary>
    [Fact]
    public async Task What_machines_need_together_in_a_pool_of_another_host_is_added_up()
    {
        const string Pool = "qemu+ssh://root@host7/system:/srv/pool";
        var documents = Documents("packages", "here", "vms: [{name: a.ova}, {name: b.ova}, {name: c.ova}]");
        var report = await PlanValidation.LookAsync(
            (request, _) => Task.FromResult(Forecast(request, []) with { SpaceNeededBytes = 10, FarSpace = request.Sources[0].EndsWith("c.ova", StringComparison.Ordinal) ? null : new TargetSpace(Pool, 60, 100) }),
            documents, Now, 2, TimeSpan.FromSeconds(20), null, TestContext.Current.CancellationToken);
        var problem = Assert.Single(report.Problems);
        Assert.Equal(("SL7646", $"together the machines need up to 120 bytes in {Pool}, and 100 are free"), (problem.Code, problem.Said));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
            if (Interlocked.CompareExchange(ref target, value, seen) == seen) return;
    }

    private static MigrationForecast Forecast(MigrationRequest request, string[] problems) =>
        new(new VirtualMachine { Name = request.Overrides.Name!, Cpus = 1, MemoryBytes = 1 << 30, Firmware = Firmware.Bios, Disks = [], NetworkInterfaces = [] }, "ova", [], [Path.Combine(request.TargetDirectory, "x")], 100, 150, [], [], problems);

    private static MigrationRequest Request(string source, string destination, string rest, long? bandwidth)
    {
        var documents = Documents(source, destination, rest);
        return PlanTranslation.RequestOf(documents, documents.Plan.Spec.Vms[0], bandwidth);
    }

    private static PlanDocuments Documents(string source, string destination, string rest)
    {
        var plan = $"\n---\napiVersion: sealift.io/v1alpha1\nkind: Plan\nmetadata: {{name: p}}\nspec:\n  provider: {{source: {{name: {source}}}, destination: {{name: {destination}}}}}\n  {rest.ReplaceLineEndings("\n  ")}\n";
        var read = DocumentReader.Read(Encoding.UTF8.GetBytes(Others + plan), "plan.yaml").Select(d => d.Document).ToList();
        return new PlanDocuments(read.OfType<PlanDocument>().Single(), read);
    }

    private sealed class Told(System.Collections.Concurrent.ConcurrentBag<string> names) : IProgress<MachineForecast>
    {
        public void Report(MachineForecast value) => names.Add(value.Machine);
    }
}
