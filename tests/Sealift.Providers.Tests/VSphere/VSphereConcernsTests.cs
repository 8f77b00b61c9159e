using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>What a migration of a machine of vSphere will meet: each concern where it is one, and nowhere else.</summary>
public sealed partial class VSphereConcernsTests
{
    private static readonly VirtualDisk Disk = new(2000, 1 << 30, DiskBacking.Flat, "VirtualDiskFlatVer2BackingInfo") { Label = "Hard disk 1", File = "[ds] m/m.vmdk", Mode = "persistent", ChangeId = "52/1", ControllerKey = 1000 };

    private static readonly NetworkCard Card = new(4000, "VirtualVmxnet3", "00:50:56:00:00:01", false, true) { NetworkName = "VM Network" };

    /// <summary>Nothing is wrong with it.</summary>
    private static readonly Machine Sound = new(new ManagedReference("VirtualMachine", "vm-1"), "web01")
    {
        PowerState = "poweredOn",
        ConnectionState = "connected",
        GuestId = "debian12_64Guest",
        GuestName = "Debian GNU/Linux 12 (64-bit)",
        ToolsRunning = "guestToolsRunning",
        ToolsVersion = "guestToolsCurrent",
        IsChangeTracking = true,
        CanTrackChanges = true,
        Devices = new MachineDevices { Controllers = [new DiskController(1000, "ParaVirtualSCSIController", "scsi", 0, "noSharing")], Disks = [Disk], NetworkCards = [Card], Others = [Other("VirtualMachineVideoCard"), Other("VirtualKeyboard")] },
    };

    private static readonly VSphereConcernScope Warm = new() { IsWarm = true, MappedNetworks = new HashSet<string> { "VM Network" }, MappedDatastores = new HashSet<string> { "ds" }, TakenNames = new HashSet<string> { "db01" } };

    private static readonly VSphereConcernScope Cold = Warm with { IsWarm = false };

    private static readonly Machine Off = Sound with { PowerState = "poweredOff", ToolsRunning = "guestToolsNotRunning" };

    public static TheoryData<string, ConcernSeverity?, ConcernSeverity?> Cases
    {
        get
        {
            var data = new TheoryData<string, ConcernSeverity?, ConcernSeverity?>();
            foreach (var (name, _, warm, cold) in All) data.Add(name, warm, cold);
            return data;
        }
    }

    /// <summary>What is wrong, the class of concern before the slash, and how much that weighs warm and cold; null where it is none.</summary>
    private static (string Name, Func<Machine, Machine> Change, ConcernSeverity? Warm, ConcernSeverity? Cold)[] All =>
    [
        ("vsphere.tracking-off", m => m with { IsChangeTracking = false }, ConcernSeverity.Warning, null),
        ("vsphere.tracking-off/untold", m => m with { IsChangeTracking = null }, ConcernSeverity.Warning, null),
        ("vsphere.tracking-unsupported", m => m with { CanTrackChanges = false, IsChangeTracking = false }, ConcernSeverity.Obstacle, null),
        ("vsphere.disk-not-tracked", m => With(m, Disk with { ChangeId = null }), ConcernSeverity.Warning, null),
        ("vsphere.snapshots", m => m with { Snapshots = [new MachineSnapshot(new ManagedReference("VirtualMachineSnapshot", "s"), "before update", string.Empty, 1, null, false, [])] }, ConcernSeverity.Warning, ConcernSeverity.Note),
        ("vsphere.consolidation-needed", m => m with { NeedsConsolidation = true }, ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.independent-disk", m => With(m, Disk with { Mode = "independent_persistent", ChangeId = null }), ConcernSeverity.Obstacle, ConcernSeverity.Note),
        ("vsphere.independent-disk/nonpersistent", m => With(m, Disk with { Mode = "independent_nonpersistent" }), ConcernSeverity.Obstacle, ConcernSeverity.Note),
        ("vsphere.rdm-physical", m => With(m, Disk with { Backing = DiskBacking.RawPhysical, ChangeId = null }), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.rdm-virtual", m => With(m, Disk with { Backing = DiskBacking.RawVirtual }), ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.multi-writer", m => With(m, Disk with { Sharing = "sharingMultiWriter" }), ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.shared-bus", m => m with { Devices = m.Devices with { Controllers = [m.Devices.Controllers[0] with { Sharing = "physicalSharing" }] } }, ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.shared-bus/virtual", m => m with { Devices = m.Devices with { Controllers = [m.Devices.Controllers[0] with { Sharing = "virtualSharing" }] } }, ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.encrypted", m => With(m with { IsEncrypted = true }, Disk with { IsEncrypted = true }), ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.encrypted/disk", m => With(m, Disk with { IsEncrypted = true }), ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.tpm", m => WithOther(m, "VirtualTPM"), ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.passthrough", m => WithOther(m, "VirtualPCIPassthrough"), ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.passthrough/card", m => m with { Devices = m.Devices with { NetworkCards = [Card with { Kind = "VirtualSriovEthernetCard" }] } }, ConcernSeverity.Obstacle, ConcernSeverity.Warning),
        ("vsphere.persistent-memory", m => WithOther(m, "VirtualNVDIMM"), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.persistent-memory/disk", m => With(m, Disk with { Backing = DiskBacking.PersistentMemory, ChangeId = null }), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.usb", m => WithOther(m, "VirtualUSB"), ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.fault-tolerance", m => m with { FaultToleranceRole = 1 }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.fault-tolerance/secondary", m => m with { FaultToleranceRole = 2 }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.unsupported-guest", m => m with { GuestId = "freebsd13_64Guest" }, ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.unsupported-guest/old", m => m with { GuestId = "winNetEnterpriseGuest" }, null, null),
        ("vsphere.unsupported-guest/older", m => m with { GuestId = "winNTGuest" }, ConcernSeverity.Warning, ConcernSeverity.Warning),
        ("vsphere.network-unmapped", m => m with { Devices = m.Devices with { NetworkCards = [Card with { NetworkName = "DMZ" }] } }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.network-unmapped/unknown", m => m with { Devices = m.Devices with { NetworkCards = [Card with { NetworkName = null }] } }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.storage-unmapped", m => With(m, Disk with { File = "[other] m/m.vmdk" }), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.not-connected", m => m with { ConnectionState = "orphaned" }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.power-state", m => m with { PowerState = "suspended" }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.odd-capacity", m => With(m, Disk with { CapacityBytes = (1 << 30) + 511 }), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.unknown-disk", m => With(m, Disk with { Backing = DiskBacking.Unknown, BackingKind = "VirtualDiskQuantumBackingInfo" }), ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.no-disks", m => m with { Devices = m.Devices with { Disks = [] } }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.name-taken", m => m with { Name = "db01" }, ConcernSeverity.Obstacle, ConcernSeverity.Obstacle),
        ("vsphere.template", m => m with { IsTemplate = true }, ConcernSeverity.Note, ConcernSeverity.Note),
        ("vsphere.not-told", m => m with { Untold = new Dictionary<string, VSphereFault> { ["config.hardware.device"] = new("NoPermission", string.Empty, null) } }, ConcernSeverity.Warning, ConcernSeverity.Warning),
    ];

    [Fact]
    public void A_sound_machine_has_none()
    {
        Assert.Empty(VSphereConcerns.Of(Sound, Warm));
        Assert.Empty(VSphereConcerns.Of(Off, Cold));
        Assert.Empty(VSphereConcerns.Of(Off with { IsChangeTracking = false, CanTrackChanges = null }, new VSphereConcernScope { IsWarm = false })); // nothing mapped, nothing known
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_is_found_alone_and_weighs_what_it_is_to_weigh(string name, ConcernSeverity? warm, ConcernSeverity? cold)
    {
        var change = All.Single(c => c.Name == name).Change;
        Check(change(Sound), Warm, warm);
        Check(change(Off), Cold, cold);

        void Check(Machine machine, VSphereConcernScope scope, ConcernSeverity? severity)
        {
            var concerns = VSphereConcerns.Of(machine, scope);
            if (severity is null)
            {
                Assert.Empty(concerns);
                return;
            }

            var concern = Assert.Single(concerns);
            Assert.Equal((name.Split('/')[0], severity.Value), (concern.Class, concern.Severity));
            Assert.NotEmpty(concern.Text);
            Assert.NotEmpty(concern.NextStep);
            Assert.False(concern.Text.EndsWith('.') || concern.NextStep.EndsWith('.'));
            Assert.True(concern.Severity <= VSphereConcernClasses.All[concern.Class]);
        }
    }

    [Fact]
    public void Whether_it_may_run_depends_on_how_it_is_migrated()
    {
        Assert.Equal((VSphereConcernClasses.PowerState, ConcernSeverity.Obstacle), One(Sound, Cold));
        Assert.Equal((VSphereConcernClasses.PowerState, ConcernSeverity.Note), One(Off, Warm));
    }

    [Fact]
    public void Tools_count_where_the_guest_runs_and_is_to_be_asked()
    {
        Assert.Equal((VSphereConcernClasses.Tools, ConcernSeverity.Warning), One(Sound with { ToolsRunning = "guestToolsNotRunning", ToolsVersion = "guestToolsNotInstalled" }, Warm));
        Assert.Equal((VSphereConcernClasses.Tools, ConcernSeverity.Warning), One(Sound with { ToolsRunning = "guestToolsNotRunning" }, Warm));
    }

    [Fact]
    public void What_is_known_besides_the_machine_counts()
    {
        Assert.Equal((VSphereConcernClasses.Privileges, ConcernSeverity.Obstacle), One(Sound, Warm with { MissingPrivileges = ["VirtualMachine.State.CreateSnapshot"] }));
        Assert.Equal((VSphereConcernClasses.Affinity, ConcernSeverity.Note), One(Sound, Warm with { AffinityRules = ["keep together"] }));
    }

    [Fact]
    public void Names_are_one_line_and_not_endless()
    {
        var name = "evil\n\u001b[31m" + new string('x', 100_000);
        var machine = With(Sound with { Name = name }, Disk with { File = $"[{name}] a", Label = name, Backing = DiskBacking.Unknown, BackingKind = name });
        var concerns = VSphereConcerns.Of(machine, Warm with { TakenNames = new HashSet<string> { name }, AffinityRules = [.. Enumerable.Repeat(name, 1000)] });
        Assert.Equal(4, concerns.Count);
        foreach (var text in concerns.SelectMany(c => new[] { c.Subject, c.Text, c.NextStep }))
        {
            Assert.DoesNotContain(text, char.IsControl);
            Assert.True(text.Length < 8000);
        }
    }

    [Fact]
    public void The_page_lists_exactly_the_classes_that_exist_with_their_weight()
    {
        var page = File.ReadAllText(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "vsphere.md")));
        var rows = Row().Matches(page).Select(m => (m.Groups[1].Value, m.Groups[2].Value)).Order();
        Assert.Equal(VSphereConcernClasses.All.Select(c => (c.Key, c.Value.ToString().ToLowerInvariant())).Order(), rows);
        // The cases above, and those that have tests of their own.
        var tried = All.Select(c => c.Name.Split('/')[0]).Concat([VSphereConcernClasses.Tools, VSphereConcernClasses.Privileges, VSphereConcernClasses.Affinity]).Distinct().Order();
        Assert.Equal(VSphereConcernClasses.All.Keys.Order(), tried);
    }

    private static (string Class, ConcernSeverity Severity) One(Machine machine, VSphereConcernScope scope)
    {
        var concern = Assert.Single(VSphereConcerns.Of(machine, scope));
        return (concern.Class, concern.Severity);
    }

    private static Machine With(Machine machine, VirtualDisk disk) => machine with { Devices = machine.Devices with { Disks = [disk] } };

    private static Machine WithOther(Machine machine, string kind) => machine with { Devices = machine.Devices with { Others = [.. machine.Devices.Others, Other(kind)] } };

    private static OtherDevice Other(string kind) => new(1, kind, string.Empty, null!); // nobody looks further into it

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"^\| `(vsphere\.[a-z-]+)` \| (note|warning|obstacle) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
