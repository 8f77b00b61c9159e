using Sealift.Guests.Checks;
using Sealift.Guests.Direct;
using Sealift.Guests.Files;
using Sealift.Guests.Lint;
using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>What an examination of a machine's disks found.</summary>
/// <param name="Inspection">What is inside.</param>
/// <param name="Findings">Everything that a checker reported, in the order of the disks.</param>
/// <param name="Tools">Name and version of every tool that took part; of the appliance's kernel and libguestfs where it was started.</param>
public sealed record GuestReport(GuestInspection Inspection, IReadOnlyList<Finding> Findings, IReadOnlyDictionary<string, string> Tools)
{
    /// <summary>The lists of files that were asked for (<see cref="GuestOptions.FileListDirectory"/>); empty where none was.</summary>
    public IReadOnlyList<FileList> FileLists { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>What became of the files since an earlier examination; null where nobody compared.</summary>
    public FileChanges? FileChanges { get; init; }
}

/// <summary>
/// Looks into the disks of a machine without writing to them: file system checks and inspection. Whatever can be answered fully without
/// a kernel is checked on this host, in seconds; the libguestfs appliance is started, once, for the rest and for the inspection.
/// </summary>
/// <remarks>
/// Classes of findings: <c>TYPE.errors</c> for ext2, ext3, ext4, xfs, btrfs, fat, exfat, ntfs, swap, lvm, md, luks, iso9660 and
/// partition-table (damage); <c>TYPE.dirty-journal</c>, <c>xfs.dirty-log</c>, <c>btrfs.dirty-log</c>, <c>TYPE.not-unmounted</c>,
/// <c>fat.dirty</c>, <c>exfat.dirty</c>, <c>ntfs.dirty</c>, <c>md.degraded</c>, <c>partition-table.backup-not-at-end</c>, <c>not-checked</c>, <c>multi-boot</c>,
/// <c>inspection</c> (notes); with <see cref="GuestOptions.LintScope"/> those of <see cref="PreflightClasses"/> too, and a note over which
/// the conversion is bound to fail is an obstacle then. What each type of content is checked by stands in docs/checks.md.
/// </remarks>
public static class GuestExamination
{
    private static readonly PartitionTableCheck PartitionTables = new();

    /// <summary>The checkers that are programs.</summary>
    internal static IReadOnlyList<ContentCheck> Checks { get; } = [new ExtCheck(), new XfsCheck(), new BtrfsCheck(), new FatCheck(), new ExfatCheck(), new NtfsCheck(), new LvmCheck()];

    /// <summary>Examines the disks of one machine.</summary>
    /// <param name="drives">All disks of the machine, in order. They are opened read-only.</param>
    /// <param name="options">Which way, where to work and how long it may take.</param>
    /// <param name="log">Receives one line for each step, fit for a progress display; null for none.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">
    /// SL5001 the drives cannot be shown; SL5002 the appliance did not start; SL5003 it hung or died, with its last words; SL5004 it
    /// answered what it cannot answer; SL1xxx, SL3xxx, SL4xxx a disk cannot be read; SL1xxx the log could not be written.
    /// </exception>
    public static async Task<GuestReport> RunAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, IProgress<string>? log, CancellationToken cancel)
    {
        if (drives.Count is 0 or > Appliance.MaximumDrives) throw GuestsErrors.DriveNotUsable("the machine", $"it has {drives.Count} disks; 1 to {Appliance.MaximumDrives} can be examined");
        using var toolLog = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        var results = options.Way == CheckWay.Appliance ? [] : await LookHereAsync(drives, options, toolLog, scratch, log, cancel);
        if (options.Way == CheckWay.Host) LeaveOut(results);
        var seen = options.Way == CheckWay.Host || (options.Way == CheckWay.Direct && !options.Inspect && results.TrueForAll(r => r.NeedsAppliance is null))
            ? ApplianceSight.None
            : await LookInApplianceAsync(drives, options, results, toolLog, scratch, log, cancel);
        toolLog.ThrowIfLost();
        return Report(results, seen, drives.Count, options.LintScope);
    }

    /// <summary>Says of what only the appliance could check that it was not checked.</summary>
    private static void LeaveOut(List<Examined> results)
    {
        for (var i = 0; i < results.Count; i++)
        {
            if (results[i].NeedsAppliance is not { } why) continue;
            var note = new Observation("not-checked", FindingSeverity.Note, results[i].IsLeft ? $"Only the appliance could check it: {why}" : $"What is inside was not looked at: {why}");
            results[i] = results[i] with { IsLeft = false, Observations = [.. results[i].Observations, note], Why = results[i].IsLeft ? note.Text : results[i].Why };
        }
    }

    /// <summary>The same as far as this host can go, without the operating system.</summary>
    /// <returns>What it says, and whether that is all: otherwise the appliance would have to be started.</returns>
    internal static async Task<(GuestReport Report, bool IsWhole)> WithoutApplianceAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, CancellationToken cancel)
    {
        using var toolLog = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        var results = await LookHereAsync(drives, options, toolLog, scratch, null, cancel);
        toolLog.ThrowIfLost();
        return (Report(results, ApplianceSight.None, drives.Count, options.LintScope), results.TrueForAll(r => r.NeedsAppliance is null));
    }

    private static async Task<List<Examined>> LookHereAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, ToolLog toolLog, ScratchDirectory scratch, IProgress<string>? log, CancellationToken cancel)
    {
        log?.Report("reading the partition tables");
        await using var survey = await DirectSurvey.MakeAsync(drives, scratch, cancel);
        return [.. await DirectExamination.RunAsync(survey, drives, Checks, options, toolLog, scratch, log, cancel)];
    }

    private static async Task<ApplianceSight> LookInApplianceAsync(
        IReadOnlyList<GuestDrive> drives, GuestOptions options, List<Examined> results, ToolLog toolLog, ScratchDirectory scratch, IProgress<string>? log, CancellationToken cancel)
    {
        log?.Report("starting the appliance");
        await using var appliance = await Appliance.StartAsync(drives, options, toolLog, scratch, cancel);
        var tools = await ApplianceTools.VersionsAsync(appliance, cancel);
        var devices = await BlockDevices.FindAsync(appliance, drives, options.LogPath, cancel);
        if (options.Keys.Count > 0) log?.Report("opening encrypted volumes");
        var encrypted = new EncryptedVolumes(appliance, options.Keys, options);
        devices = await encrypted.OpenAsync(devices, () => BlockDevices.FindAsync(appliance, drives, options.LogPath, cancel), cancel);
        var checker = new ApplianceChecker(appliance, tools, encrypted.Opened, log);
        await checker.CompleteAsync(results, devices, isAlone: options.Way == CheckWay.Appliance, cancel);
        log?.Report("inspecting the operating system");
        var systems = options.Inspect ? await OperatingSystems.FindAsync(appliance, cancel) : OperatingSystems.None([]);
        var fallback = options.Inspect && await FallbackLoader.IsThereAsync(appliance, devices, cancel);
        GuestInside? inside = null;
        if (options is { Inspect: true, LintScope: not LintScope.None })
        {
            log?.Report("looking into the guest");
            inside = await GuestFactsReader.ReadAsync(appliance, systems, BootsByUefi(devices), cancel);
        }

        if (options is { Inspect: true, FileListDirectory: not null }) log?.Report("listing the files");
        var lists = options is { Inspect: true, FileListDirectory: { } directory } ? await FileLister.RunAsync(appliance, devices, systems, directory, cancel) : [];
        await appliance.CloseAsync(cancel);
        return new ApplianceSight(tools, systems, fallback) { Inside = inside, Names = DeviceNames.Of(devices), FileLists = lists, Opened = encrypted.Opened };
    }

    /// <summary>As virt-v2v sees it (inspect_source.ml, get_firmware_bootable_device): an EFI system partition in a GPT that has none for a BIOS.</summary>
    private static bool BootsByUefi(IReadOnlyList<BlockDevice> devices)
    {
        const string BiosBoot = "21686148-6449-6e6f-744e-656564454649", Efi = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        var types = devices.Select(d => d.Probe.GetValueOrDefault("ID_PART_ENTRY_TYPE")).ToHashSet();
        return types.Contains(Efi) && !types.Contains(BiosBoot);
    }

    private static GuestReport Report(List<Examined> results, ApplianceSight seen, int diskCount, LintScope scope)
    {
        var identities = Identities([.. results.Select(r => r.Device)]);
        var findings = results.SelectMany(r => r.Observations.Select(o => new Finding(o.Class, o.Severity, identities[r.Device], r.Device.Description, GuestText.Finding(o.Text)))).ToList();
        var systems = seen.Systems;
        if (systems.Remarks.Count > 0) findings.Add(new Finding("inspection", FindingSeverity.Note, "machine", "operating system", GuestText.Finding(string.Join('\n', systems.Remarks))));
        if (systems.Roots > 1) findings.Add(new Finding("multi-boot", FindingSeverity.Note, "machine", "operating system", $"{systems.Roots} operating systems were found; the first is described"));

        IReadOnlyList<GuestFilesystem> filesystems = [.. results.Where(r => !r.Device.IsPartitioned).Select(r => new GuestFilesystem(
            identities[r.Device],
            r.Device.Description,
            GuestText.Name(r.Device.Type),
            r.Device.Label,
            r.Device.LengthBytes,
            systems.MountpointOfUuid.GetValueOrDefault(r.Device.Uuid, string.Empty),
            r.CheckedBy,
            r.CheckedBy.Length > 0 && !findings.Any(f => f.Filesystem == identities[r.Device] && f.Severity == FindingSeverity.Damage)) { CheckedVia = r.Via, Why = r.Why })];
        var facts = new GuestFacts(scope, diskCount, filesystems, seen.Names)
        {
            Inside = seen.Inside,
            Host = seen.Inside is { IsWindows: true } ? ConversionHost.Look() : ConversionHost.Unknown,
            DynamicDisks = [.. results.Where(r => r.Device.IsDynamicDisk).DistinctBy(r => string.Join('+', r.Device.DiskKeys)).Select(r => (identities[r.Device], r.Device.Description))],
        };
        findings = [.. findings.Select(f => GuestLint.Weigh(f, facts)), .. GuestLint.Look(facts)];
        var tools = new Dictionary<string, string>(seen.Tools);
        // "e2fsck 1.47.0", "sealift 0.1.0": what took part on this host.
        foreach (var checkedBy in results.Where(r => r.Via == Examined.Direct).Select(r => r.CheckedBy.Split(' ', 2))) tools.TryAdd(checkedBy[0], checkedBy.Length > 1 ? checkedBy[1] : string.Empty);
        return new GuestReport(
            new GuestInspection(systems.OsType, systems.Distro, systems.ProductName, systems.Version, systems.Architecture, systems.Hostname, results.Exists(r => r.Device.IsEfiSystemPartition), filesystems)
            {
                HasBiosBootCode = results.Exists(r => r.Device is { Kind: "disk", HasBootCode: true }),
                HasFallbackLoader = seen.HasFallbackLoader,
                OpenedVolumes = seen.Opened,
            },
            findings,
            tools) { FileLists = [.. seen.FileLists.Select(l => l with { Filesystem = identities.FirstOrDefault(i => i.Key.Place == l.Filesystem).Value ?? l.Filesystem })] };
    }

    /// <summary>The UUID where it is there and nobody else has it (members of an array share theirs); otherwise the place.</summary>
    private static Dictionary<BlockDevice, string> Identities(IReadOnlyList<BlockDevice> devices)
    {
        var count = devices.Where(d => d.Uuid.Length > 0).GroupBy(d => d.Uuid).ToDictionary(g => g.Key, g => g.Count());
        return devices.ToDictionary(d => d, d => !d.IsPartitioned && count.GetValueOrDefault(d.Uuid) == 1 ? d.Uuid : d.Place);
    }

    /// <summary>What only the appliance can tell.</summary>
    private sealed record ApplianceSight(IReadOnlyDictionary<string, string> Tools, OperatingSystems Systems, bool HasFallbackLoader)
    {
        public IReadOnlyList<FileList> FileLists { get; init; } = [];

        public IReadOnlyList<string> Opened { get; init; } = [];

        /// <summary>What was read of the guest; null where nobody looked.</summary>
        public GuestInside? Inside { get; init; }

        /// <summary>The names that its devices have.</summary>
        public DeviceNames Names { get; init; } = DeviceNames.Of([]);

        public static readonly ApplianceSight None = new(new Dictionary<string, string>(), OperatingSystems.None([]), HasFallbackLoader: false);
    }

    /// <summary>Checks in the appliance what was not checked before.</summary>
    private sealed class ApplianceChecker(Appliance appliance, IReadOnlyDictionary<string, string> tools, IReadOnlyList<string> opened, IProgress<string>? log)
    {
        private readonly AppliancePlace place = new(appliance);

        /// <summary>Completes the results: what was left to the appliance, and the volumes that only a kernel shows.</summary>
        /// <param name="results">What was checked on this host; nothing where <paramref name="isAlone"/>.</param>
        /// <param name="devices">What the appliance's kernel sees.</param>
        /// <param name="isAlone">Whether everything is to be checked here.</param>
        /// <param name="cancel">Stops it.</param>
        public async Task CompleteAsync(List<Examined> results, IReadOnlyList<BlockDevice> devices, bool isAlone, CancellationToken cancel)
        {
            var own = devices.Where(d => d.VolumeName.Length == 0).GroupBy(d => d.Place).ToDictionary(g => g.Key, g => g.First());
            for (var i = 0; i < results.Count; i++)
            {
                if (!results[i].IsLeft) continue;
                if (own.TryGetValue(results[i].Device.Place, out var device)) results[i] = await CheckAsync(device, results[i].Why, cancel);
                else results[i] = NotChecked(results[i].Device, "The appliance's kernel does not see it");
            }

            var known = results.Select(r => r.Device.Place).ToHashSet();
            var others = isAlone ? devices : [.. devices.Where(d => d.VolumeName.Length > 0 || !known.Contains(d.Place))];
            foreach (var device in others) Place(results, await CheckAsync(device, isAlone ? "everything was to be checked there" : "only a kernel shows it", cancel));
            if (isAlone) return;

            // A container whose inside nobody saw must not look as if all of it had been checked.
            for (var i = 0; i < results.Count; i++)
            {
                if (results[i] is not { IsLeft: false, NeedsAppliance: { } why } container || others.Any(o => o.VolumeName.Length > 0 && container.Device.DiskKeys.All(o.DiskKeys.Contains))) continue;
                results[i] = container with { Observations = [.. container.Observations, new Observation("not-checked", FindingSeverity.Note, $"What is inside was not seen: {why}, and that of the appliance shows no volume on it")] };
            }
        }

        /// <summary>A volume stands behind the first container that it may lie in, and behind those that stand there already.</summary>
        private static void Place(List<Examined> results, Examined volume)
        {
            var at = results.FindIndex(r => r is { NeedsAppliance: not null, IsLeft: false } && r.Device.DiskKeys.All(volume.Device.DiskKeys.Contains)) + 1;
            while (at > 0 && at < results.Count && results[at].Device.VolumeName.Length > 0) at++;
            results.Insert(at > 0 ? at : results.Count, volume);
        }

        private async Task<Examined> CheckAsync(BlockDevice device, string why, CancellationToken cancel)
        {
            log?.Report($"checking {device.Description}");
            if (device.IsPartitioned) return device.PartitionTable.Length > 0 && device.Kind == "disk" ? await CheckAsync(PartitionTables, device, why, cancel) : new Examined(device, []);
            if (device.IsAmbiguous) return NotChecked(device, "More than one signature was found on it: nobody can say which of them is in use");
            if (Checks.FirstOrDefault(c => c.Types.Contains(device.Type)) is { } check)
                return tools.ContainsKey(check.Tool) ? await CheckAsync(check, device, why, cancel) : NotChecked(device, $"The appliance lacks {check.Tool}, which would check it");
            if (device.Type == "crypto_LUKS" && device.Uuid.Length > 0 && opened.Contains(device.Uuid)) return new Examined(device, []) { CheckedBy = $"cryptsetup {tools.GetValueOrDefault("cryptsetup", string.Empty)}".TrimEnd(), Via = Examined.Appliance, Why = why };
            if (device.Type == "unknown" && await LostSuperblock.FindAsync(appliance, device, cancel) is { } lost)
                return new Examined(device, [new Observation(DirectExamination.LostClass(lost), FindingSeverity.Damage, DirectExamination.LostText(lost))]);
            return NotChecked(device, device.Type == "unknown" ? "Nothing is known that has this content" : $"No checker for {GuestText.Name(device.Type)}");
        }

        private async Task<Examined> CheckAsync(ContentCheck check, BlockDevice device, string why, CancellationToken cancel)
        {
            var result = await check.RunAsync(place, device, cancel);
            // What could not be checked was not checked, whatever else was seen of it.
            if (result.Observations.FirstOrDefault(o => o.Class == "not-checked") is { } note) return new Examined(device, result.Observations) { Why = GuestText.Name(note.Text) };
            return new Examined(device, result.Observations) { CheckedBy = $"{check.Tool} {tools.GetValueOrDefault(check.Tool, string.Empty)}".TrimEnd(), Via = Examined.Appliance, Why = why };
        }

        private static Examined NotChecked(BlockDevice device, string why) => new(device, [new Observation("not-checked", FindingSeverity.Note, why)]) { Why = why };
    }
}
