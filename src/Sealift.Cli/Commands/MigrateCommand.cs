using System.CommandLine;
using System.Globalization;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Providers;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift migrate</c>: one machine goes in, one proven machine comes out.</summary>
internal static class MigrateCommand
{
    private static readonly Argument<string[]> Source = new("SOURCE")
    {
        Description = "One OVA or OVF, a directory that holds one OVF, the disk images of one machine in the order in which it sees them, a machine that runs: a QEMU as qmp:SOCKET, a libvirt domain as qemu:///system/DOMAIN or qemu+ssh://HOST/system/DOMAIN; or one of vSphere, running or off, as vsphere://SERVER/MACHINE.",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<string> To = new("--to") { Description = "Directory that receives the disks, the libvirt domain, the start script and the seal; or qemu:///system, qemu+ssh://USER@HOST/system: libvirt of this host or of another one, which gets the disks in a storage pool and defines the domain.", HelpName = "DIR|URI", Required = true };
    private static readonly Option<string?> Pool = new("--pool") { Description = "libvirt: the storage pool that receives the disks, of type dir, fs or netfs [default: default].", HelpName = "POOL" };
    private static readonly Option<string?> Papers = new("--papers") { Description = "libvirt of another host: the directory of this one that keeps the seal, the block maps and the domain's description [default: one for the pool, below hosts/ in the state directory].", HelpName = "DIR" };
    private static readonly Option<bool> StartIt = new("--start") { Description = "libvirt: start the new machine once it is sealed." };
    private static readonly Option<bool> Autostart = new("--autostart") { Description = "libvirt: have the new machine start with its host." };
    private static readonly Option<string[]> DiskTargets = new("--disk-target") { Description = "Bring a disk to a block device or an NBD export (nbd://, nbd+unix://), which it overwrites, and not to a file. DISK is its key (disk1) or what the source identifies it by. May be repeated.", HelpName = "DISK=DEVICE|URI" };
    private static readonly Option<string> Format = new("--format", "-f") { Description = "Format of the new disks: raw or qcow2.", HelpName = "FORMAT", DefaultValueFactory = _ => "raw" };
    private static readonly Option<ImageFormat?> SourceFormat = new("--source-format") { Description = $"Format of disk images: {Names<ImageFormat>()}. By default from their content.", HelpName = "FORMAT" };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace files of the same names in the target, after everything else was proven." };
    private static readonly Option<bool> NoConvert = new("--no-convert") { Description = "Leave the guest as it is: no virtio drivers are put in. Still hashed, checked and proven." };
    private static readonly Option<bool> NoCheck = new("--no-check") { Description = "Leave the file systems unchecked. The verdict is degraded at best." };
    private static readonly Option<string?> AllowBacking = new("--allow-backing") { Description = "Let images name backing and data files inside this directory.", HelpName = "DIR" };
    private static readonly Option<string[]> Waive = new("--waive") { Description = "Go on in spite of damage that was there before: CLASS:FILESYSTEM=REASON, as the finding names them. May be repeated; the verdict is degraded.", HelpName = "CLASS:FS=REASON" };
    private static readonly Option<string[]> LuksKey = LuksKeys.Option();
    private static readonly Option<bool> BootIt = new("--boot-check") { Description = "Boot the new machine before it is handed over, emulated where KVM does not work; it is not handed over where that fails. By default this is done where the guest is converted and KVM works." };
    private static readonly Option<bool> RequireBoot = new("--require-boot") { Description = "The same, and hand it over only if a login prompt on its serial console or its guest agent showed that it came up." };
    private static readonly Option<bool> NoBootCheck = new("--no-boot-check") { Description = "Never boot the new machine." };
    private static readonly Option<string?> BootDeadline = new("--boot-deadline") { Description = "How long to wait for it to come up; a time such as 90s or 10m [default: 5m, emulated 15m].", HelpName = "TIME" };
    private static readonly Option<bool> AcceptDegraded = new("--accept-degraded") { Description = "Hand the machine over even where the verdict is degraded." };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Say what would happen, with sizes, and do nothing." };
    private static readonly Option<string?> Name = new("--name") { Description = "Name of the machine; by default the source's.", HelpName = "NAME" };
    private static readonly Option<int?> Cpus = new("--cpus") { Description = "Number of virtual CPUs, where the source does not say or is wrong.", HelpName = "N" };
    private static readonly Option<string?> Memory = new("--memory") { Description = "Memory, such as 4G.", HelpName = "SIZE" };
    private static readonly Option<Firmware?> BootFirmware = new("--firmware") { Description = "bios or uefi.", HelpName = "KIND" };
    private static readonly Option<bool?> SecureBoot = new("--secure-boot") { Description = "Boot with secure boot (UEFI only).", HelpName = "BOOL" };
    private static readonly Option<DiskBus?> Bus = new("--bus") { Description = $"The controller of the disks where the guest is not converted: {Names<DiskBus>()}.", HelpName = "BUS" };
    private static readonly Option<string[]> Nic = new("--nic") { Description = $"A network interface: MODEL[,mac=MAC][,network=NAME], MODEL one of {Names<NicModel>()}. May be repeated.", HelpName = "NIC" };
    private static readonly Option<string[]> MapNetwork = new("--map-network") { Description = "What a network of the source is here: a libvirt network's name, or bridge:NAME. '*' stands for all that are not named. May be repeated; then each has to be.", HelpName = "SOURCE=TARGET" };
    private static readonly Option<string[]> StaticIp = new("--static-ip") { Description = "An address that the conversion gives a network interface of a Windows guest: MAC=ADDRESS[,GATEWAY[,PREFIX[,DNS...]]]. May be repeated.", HelpName = "MAC=ADDRESS" };
    private static readonly Option<string?> Interval = new("--interval") { Description = "Running machine: time from the end of a pass to the next; a time such as 10m [default: 60m].", HelpName = "TIME" };
    private static readonly Option<string?> Downtime = new("--downtime") { Description = "Running machine: cut over by itself as soon as the last difference and its audit would take less than this; until then, passes follow each other.", HelpName = "TIME" };
    private static readonly Option<string?> CutoverAt = new("--cutover-at") { Description = "Running machine: when to cut over; 'now' for right after the first pass, or a time such as 2026-11-28T22:00. By default when 'sealift cutover' asks for it.", HelpName = "WHEN" };
    private static readonly Option<AuditScope> Audit = new("--audit") { Description = "Running machine: how much of what its change tracker calls unchanged is compared at the cutover: none, sample or full.", HelpName = "SCOPE", DefaultValueFactory = _ => AuditScope.Full };
    private static readonly Option<ReadBackScope?> ReadBack = new("--read-back") { Description = "Running machine: how much of the target is read back when it is off: full, or changed: what the passes before have not read back. By default full, unless that exceeds --downtime.", HelpName = "SCOPE" };
    private static readonly Option<bool> NoTracker = new("--no-tracker") { Description = "Running machine: use no change tracker; every pass compares by hash." };
    private static readonly Option<string?> ShutdownDeadline = new("--shutdown-deadline") { Description = "Running machine: how long its guest may take to shut down [default: 5m].", HelpName = "TIME" };
    private static readonly Option<string?> Patience = new("--patience") { Description = "Running machine: how long it is looked for again when it is lost while it is followed [default: 30m].", HelpName = "TIME" };
    private static readonly Option<bool> ForceOff = new("--force-off") { Description = "Running machine: stop a guest that does not shut down in time, as a power cut would." };
    private static readonly Option<bool> RestartSource = new("--restart-source") { Description = "Running machine: start it again at the source where the migration fails after it was shut down." };
    private static readonly Option<string?> Scratch = new("--scratch") { Description = "Running machine: directory for what its guest overwrites during a pass; QEMU must be able to write there.", HelpName = "DIR" };
    private static readonly Option<string> Digest = new("--digest") { Description = "md5, sha1, sha256 or sha512.", HelpName = "NAME", DefaultValueFactory = _ => "sha256" };

    public static Command Build()
    {
        Format.AcceptOnlyFromAmong("raw", "qcow2");
        Digest.AcceptOnlyFromAmong("md5", "sha1", "sha256", "sha512");
        var command = new Command("migrate", "Migrate a machine and prove that every byte arrived.")
        {
            Source, To, Pool, Papers, StartIt, Autostart, DiskTargets, Format, SourceFormat, Overwrite, NoConvert, NoCheck, BootIt, RequireBoot, NoBootCheck, BootDeadline, AllowBacking, LuksKey, Waive, AcceptDegraded, DryRun,
            Name, Cpus, Memory, BootFirmware, SecureBoot, Bus, Nic, MapNetwork, StaticIp, Digest, TransferOption.Way, TransferOption.NoFallback, TransferOption.Esxi, TransferOption.Datastore, Checkpoint.Option,
            Interval, Downtime, CutoverAt, Audit, ReadBack, NoTracker, Patience, ShutdownDeadline, ForceOff, RestartSource, Scratch,
        };
        Tuning.AddTo(command, nbd: false); // its sources are files
        command.SetAction(async (parsed, cancel) =>
        {
            var request = Request(parsed);
            var json = parsed.GetValue(GlobalOptions.Json);
            using var store = new MigrationStore(GlobalOptions.StateDirectory(parsed));
            if (parsed.GetValue(DryRun)) return ForecastText.Write(await MigrationRunner.DescribeAsync(store, request, cancel), json);
            store.Keys = LuksKeys.Read(request.LuksKeys);
            return await MigrationView.RunAsync(json, observer => MigrationRunner.StartAsync(store, request, observer, cancel));
        });
        return command.WithExamples(
            "sealift migrate web01.ova --to /srv/vms",
            "sealift migrate web01.ova --to /srv/vms --format qcow2 --dry-run",
            "sealift migrate web01.ova --to qemu:///system --pool default --autostart --start --map-network '*=default'",
            "sealift migrate web01.ova --to qemu+ssh://root@kvm7/system --pool default --start",
            "sealift migrate web01.ova --to /srv/vms --disk-target disk1=/dev/vg0/web01",
            "sealift migrate system.vmdk data.vmdk --to /srv/vms --name db01 --cpus 4 --memory 16G --firmware uefi",
            "sealift migrate laptop.vmdk --to /srv/vms --luks-key 1b2c7c1e-5d0f-4c6b-9a55-2f1f4f0e8a11=file:keys/laptop.key",
            "sealift migrate qmp:/run/vm/web01.qmp --to /srv/vms --downtime 10s",
            "sealift migrate qemu+ssh://root@host7/system/web01 --to /srv/vms --interval 30m",
            "sealift migrate vsphere://vc1/DC0/vm/web01 --to /srv/vms --downtime 30s --map-network 'VM Network=default'",
            "sealift migrate appliance.qcow2 --to /srv/vms --no-convert --bus sata --nic e1000e,mac=52:54:00:12:34:56");
    }

    private static MigrationRequest Request(ParseResult parsed)
    {
        var (bandwidth, queueDepth, requestBytes) = Tuning.AskedFor(parsed, BlkhashParameters.DefaultBlockBytes);
        return Plan(parsed) with { BandwidthBytesPerSecond = bandwidth, QueueDepth = queueDepth, RequestBytes = requestBytes, CheckpointBytes = Checkpoint.Of(parsed) };
    }

    private static MigrationRequest Plan(ParseResult parsed) => new()
    {
        Sources = [.. parsed.GetValue(Source)!.Select(SourceName.Full)],
        TargetDirectory = !LibvirtHost.Is(parsed.GetValue(To)!) ? Path.GetFullPath(parsed.GetValue(To)!) : parsed.GetValue(Papers) is { } papers ? Path.GetFullPath(papers) : string.Empty,
        Target = TargetOf(parsed),
        Format = parsed.GetValue(Format) == "qcow2" ? ImageFormat.Qcow2 : ImageFormat.Raw,
        SourceFormat = parsed.GetValue(SourceFormat),
        Overwrite = parsed.GetValue(Overwrite),
        Convert = !parsed.GetValue(NoConvert),
        Check = !parsed.GetValue(NoCheck),
        BootCheck = BootCheckOf(parsed),
        BootDeadline = parsed.GetValue(BootDeadline) is { } time ? Quantities.ParseTime(time) ?? throw CliErrors.BadValue("--boot-deadline", time, "a time such as 90s or 10m") : null,
        AllowBackingDirectory = parsed.GetValue(AllowBacking) is { } directory ? Path.GetFullPath(directory) : null,
        Waivers = [.. (parsed.GetValue(Waive) ?? []).Select(Waiver.Parse)],
        LuksKeys = LuksKeys.Sources(parsed, LuksKey),
        AcceptDegraded = parsed.GetValue(AcceptDegraded),
        Algorithm = parsed.GetValue(Digest)!,
        Warm = WarmPlanOf(parsed),
        Transfer = TransferOf(parsed),
        Overrides = new MachineOverrides
        {
            Name = parsed.GetValue(Name),
            Cpus = parsed.GetValue(Cpus),
            MemoryBytes = parsed.GetValue(Memory) is { } memory ? Quantities.ParseSize(memory) ?? throw CliErrors.BadValue("--memory", memory, "a size such as 4G") : null,
            Firmware = parsed.GetValue(BootFirmware),
            SecureBoot = parsed.GetValue(SecureBoot),
            DiskBus = parsed.GetValue(Bus),
            NetworkMap = parsed.GetValue(MapNetwork) is { Length: > 0 } map ? NetworkMapOf(map) : null,
            StaticAddresses = parsed.GetValue(StaticIp) is { Length: > 0 } addresses ? StaticAddressesOf(parsed, addresses) : null,
            NetworkInterfaces = parsed.GetValue(Nic) is { Length: > 0 } nics ? [.. nics.Select(ParseNic)] : null,
        },
    };

    private static MachineTarget TargetOf(ParseResult parsed)
    {
        var to = parsed.GetValue(To)!;
        IReadOnlyList<DiskTarget> disks = [.. (parsed.GetValue(DiskTargets) ?? []).Select(DiskTarget.Parse)];
        if (LibvirtHost.Is(to)) return new MachineTarget { Disks = disks, Libvirt = new LibvirtTarget(LibvirtHost.Parse(to), parsed.GetValue(Pool) ?? "default") { Start = parsed.GetValue(StartIt), Autostart = parsed.GetValue(Autostart) } };
        if (Array.Find([Pool, Papers, StartIt, (Option)Autostart], o => parsed.GetResult(o) is { Implicit: false }) is { } useless) throw CliErrors.BadValue(useless.Name, "given", "--to qemu:///system: a directory has neither pools nor power");
        return new MachineTarget { Disks = disks };
    }

    private static SortedDictionary<string, string> NetworkMapOf(string[] map)
    {
        var networks = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in map)
        {
            var equals = text.LastIndexOf('=');
            if (equals <= 0 || equals + 1 == text.Length || text[(equals + 1)..] == "bridge:" || text.Any(char.IsControl)) throw CliErrors.BadValue("--map-network", text, "SOURCE=TARGET, TARGET a libvirt network or bridge:NAME");
            if (!networks.TryAdd(text[..equals], text[(equals + 1)..])) throw CliErrors.BadValue("--map-network", text, "each network once");
        }

        return networks;
    }

    private static List<StaticAddress> StaticAddressesOf(ParseResult parsed, string[] texts)
    {
        if (parsed.GetValue(NoConvert)) throw CliErrors.BadValue("--static-ip", texts[0], "nothing with --no-convert: the conversion sets it");
        return [.. texts.Select(t => StaticAddress.TryParse(t) ?? throw CliErrors.BadValue("--static-ip", t, "MAC=ADDRESS[,GATEWAY[,PREFIX[,DNS...]]], such as 52:54:00:12:34:56=10.0.0.7,10.0.0.1,24,10.0.0.53"))];
    }

    private static TransferPlan TransferOf(ParseResult parsed)
    {
        var plan = TransferOption.PlanOf(parsed);
        if (plan.Name is TransferPlan.Auto or TransferPlan.Stream) return plan;
        if (parsed.GetValue(Source)!.Any(RunningSource.Is) && plan.Name is not ("reflink" or "copy-range")) throw CliErrors.BadValue("--transfer", plan.Name, "auto, stream, reflink or copy-range, where the source runs");
        if (parsed.GetValue(Format) == "qcow2") throw CliErrors.BadValue("--transfer", plan.Name, "auto or stream, where the new disks are qcow2");
        return plan;
    }

    private static WarmPlan? WarmPlanOf(ParseResult parsed)
    {
        if (!parsed.GetValue(Source)!.Any(RunningSource.Is))
        {
            Option[] options = [Interval, Downtime, CutoverAt, Audit, ReadBack, NoTracker, Patience, ShutdownDeadline, ForceOff, RestartSource, Scratch];
            if (Array.Find(options, o => parsed.GetResult(o) is { Implicit: false }) is { } useless) throw CliErrors.BadValue(useless.Name, "given", $"a source that runs: {RunningSource.Forms}");
            return null;
        }

        if (parsed.GetValue(Scratch) is { } given && parsed.GetValue(Source)!.Any(RunningSource.IsVSphere)) throw CliErrors.BadValue("--scratch", given, "nothing where the source is vSphere's, which keeps aside itself what a guest overwrites");
        var plan = new WarmPlan
        {
            Downtime = TimeOf(Downtime),
            CutoverAt = parsed.GetValue(CutoverAt) is { } at ? SourceName.Instant("--cutover-at", at) : null,
            Audit = parsed.GetValue(Audit),
            ReadBack = parsed.GetValue(ReadBack),
            UseTracker = !parsed.GetValue(NoTracker),
            ForceOff = parsed.GetValue(ForceOff),
            RestartSource = parsed.GetValue(RestartSource),
            ScratchDirectory = parsed.GetValue(Scratch) is { } directory ? Path.GetFullPath(directory) : null,
        };
        return plan with { Interval = TimeOf(Interval) ?? plan.Interval, Patience = TimeOf(Patience) ?? plan.Patience, ShutdownDeadline = TimeOf(ShutdownDeadline) ?? plan.ShutdownDeadline };

        TimeSpan? TimeOf(Option<string?> option) =>
            parsed.GetValue(option) is { } time ? Quantities.ParseTime(time) ?? throw CliErrors.BadValue(option.Name, time, "a time such as 90s or 10m") : null;
    }

    private static BootCheck BootCheckOf(ParseResult parsed)
    {
        var (check, require, never) = (parsed.GetValue(BootIt), parsed.GetValue(RequireBoot), parsed.GetValue(NoBootCheck));
        if (never && (check || require)) throw CliErrors.BadValue("--no-boot-check", "given", $"it alone, without {(require ? "--require-boot" : "--boot-check")}");
        return never ? BootCheck.Never : require ? BootCheck.Required : check ? BootCheck.Always : BootCheck.Auto;
    }

    private static string Names<T>() where T : struct, Enum => string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant();

    private static NetworkInterface ParseNic(string text)
    {
        var parts = text.Split(',');
        if (!Enum.TryParse<NicModel>(parts[0], ignoreCase: true, out var model) || !Enum.IsDefined(model) || int.TryParse(parts[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out _))
            throw CliErrors.BadValue("--nic", text, $"MODEL[,mac=MAC][,network=NAME] with MODEL one of {Names<NicModel>()}");
        string? mac = null;
        var network = string.Empty;
        foreach (var part in parts.Skip(1))
        {
            if (part.StartsWith("mac=", StringComparison.Ordinal)) mac = part[4..];
            else if (part.StartsWith("network=", StringComparison.Ordinal)) network = part[8..];
            else throw CliErrors.BadValue("--nic", text, "MODEL[,mac=MAC][,network=NAME]");
        }

        return new NetworkInterface(model, mac, network);
    }
}
