using Sealift.Guests.Checks;
using Sealift.Guests.Ntfs;
using Sealift.Posix;

namespace Sealift.Guests.Direct;

/// <summary>Checks what is on the disks without the appliance, and says what is left for it.</summary>
internal static class DirectExamination
{
    /// <summary>Why a check was made here.</summary>
    public const string Sufficient = "nothing in it needs a kernel";

    /// <summary>The types that we check ourselves, without any program.</summary>
    public static readonly IReadOnlyList<string> OwnTypes = ["ntfs", "swap", "LVM2_member", "linux_raid_member"];

    /// <summary>The types of which only the header is looked at: what is inside is said not to be checked.</summary>
    public static readonly IReadOnlyList<string> HeaderOnlyTypes = ["crypto_LUKS", "iso9660"];

    /// <summary>Examines the disks.</summary>
    /// <param name="survey">What is on them.</param>
    /// <param name="drives">All of them.</param>
    /// <param name="checks">The checkers.</param>
    /// <param name="options">Where to work and how long it may take.</param>
    /// <param name="log">Receives what the tools say.</param>
    /// <param name="scratch">For layers that are thrown away.</param>
    /// <param name="progress">Receives one line for each volume.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<IReadOnlyList<Examined>> RunAsync(
        DirectSurvey survey, IReadOnlyList<GuestDrive> drives, IReadOnlyList<ContentCheck> checks, GuestOptions options, ToolLog log, ScratchDirectory scratch, IProgress<string>? progress, CancellationToken cancel)
    {
        var containers = await Containers.ReadAsync(survey.Volumes, cancel);
        var results = new List<Examined>();
        await using var views = new Views(drives, options, log, scratch);
        foreach (var volume in survey.Volumes)
        {
            progress?.Report($"checking {volume.Device.Description}");
            results.Add(await ExamineAsync(volume, containers, checks, views, cancel));
        }

        return results;
    }

    private static async Task<Examined> ExamineAsync(DirectVolume volume, Containers containers, IReadOnlyList<ContentCheck> checks, Views views, CancellationToken cancel)
    {
        var device = volume.Device;
        if (device.IsPartitioned) return device.Kind == "disk" ? Own(device, volume.Table) : new Examined(device, []);
        var result = await ContentAsync(volume, containers, checks, views, cancel);
        // A disk can have both: a partition table and something of its own.
        return volume.Table.Count == 0 ? result : result with { Observations = [.. volume.Table, .. result.Observations] };
    }

    private static async Task<Examined> ContentAsync(DirectVolume volume, Containers containers, IReadOnlyList<ContentCheck> checks, Views views, CancellationToken cancel)
    {
        var device = volume.Device;
        if (device.IsAmbiguous) return NotChecked(device, "More than one signature was found on it: nobody can say which of them is in use");
        if (volume.Reader.LengthBytes == 0) return NotChecked(device, "It lies beyond the end of the disk");
        switch (device.Type)
        {
            case "ntfs":
                return await NtfsAsync(volume, cancel);
            case "swap":
                return Own(device, Damage("swap.errors", await SwapHeader.ProblemsAsync(volume.Reader, cancel)));
            case "LVM2_member":
                return Own(device, Damage("lvm.errors", containers.LvmProblems(volume))) with { NeedsAppliance = containers.WhyInside(volume) };
            case "linux_raid_member":
                return Own(device, containers.MdObservations(volume)) with { NeedsAppliance = containers.WhyInside(volume) };
            case "crypto_LUKS" when views.HasKeyFor(device):
                return Own(device, Damage("luks.errors", await LuksHeader.ProblemsAsync(volume.Reader, cancel))) with { NeedsAppliance = "what is encrypted needs a kernel's device mapper" };
            case "crypto_LUKS":
                return NotChecked(device, "It is encrypted and no key was given: only its header was looked at", Damage("luks.errors", await LuksHeader.ProblemsAsync(volume.Reader, cancel)));
            case "iso9660":
                return NotChecked(device, "Only its volume descriptors were looked at", Damage("iso9660.errors", await IsoDescriptors.ProblemsAsync(volume.Reader, cancel)));
            default:
                break;
        }

        if (device.Type == "btrfs" && containers.BtrfsProblem(volume) is { } incomplete) return Own(device, Damage("btrfs.errors", [incomplete]));
        if (checks.FirstOrDefault(c => c.IsDirect && c.Types.Contains(device.Type)) is { } check)
        {
            var result = await views.CheckAsync(volume, check, cancel);
            // fsck.exfat looks at the main boot region only where it needs it, and never at the other.
            return device.Type == "exfat" ? result with { Observations = [.. await ExfatBootRegions.ObservationsAsync(volume.Reader, cancel), .. result.Observations] } : result;
        }

        if (device.Type == "unknown" && await LostStart.FindAsync(volume.Reader, cancel) is { } lost)
            return Own(device, [new Observation(LostClass(lost), FindingSeverity.Damage, LostText(lost))]) with { CheckedBy = string.Empty, Via = string.Empty };
        return NotChecked(device, device.Type == "unknown" ? "Nothing is known that has this content" : $"No checker for {GuestText.Name(device.Type)}");
    }

    private static async Task<Examined> NtfsAsync(DirectVolume volume, CancellationToken cancel)
    {
        var report = await NtfsVerifier.RunAsync(new DiskVolume(volume.Reader, 0, volume.Reader.LengthBytes), null, cancel);
        var result = Own(volume.Device, report.Observations);
        return report.IsComplete ? result : result with { CheckedBy = string.Empty, Via = string.Empty, Why = "Not all of it could be looked at" };
    }

    /// <summary>The class of a finding about a file system whose first superblock is gone.</summary>
    internal static string LostClass(string type) => type switch { "vfat" => "fat.errors", "crypto_LUKS" => "luks.errors", "LVM2_member" => "lvm.errors", "linux_raid_member" => "md.errors", _ => type + ".errors" };

    /// <summary>Its text.</summary>
    internal static string LostText(string type) => type is "LVM2_member" or "linux_raid_member"
        ? $"There is the mark of an {type} where it stands, and what follows it makes no sense"
        : type == "iso9660" ? "Its first volume descriptor is not recognised, but others follow it"
        : type == "vfat" ? "Its boot sector makes no sense, and it, or its copy, says that this is a FAT"
        : $"Its superblock is not recognised, but there is a backup of an {type} superblock where that file system keeps one";

    private static Examined Own(BlockDevice device, IReadOnlyList<Observation> seen) => new(device, seen) { CheckedBy = $"sealift {Version}", Via = Examined.Direct, Why = Sufficient };

    private static Examined NotChecked(BlockDevice device, string why, params IReadOnlyList<Observation> seen) =>
        new(device, [.. seen, new Observation("not-checked", FindingSeverity.Note, why)]) { Why = why };

    private static IReadOnlyList<Observation> Damage(string findingClass, IReadOnlyList<string> problems) =>
        problems.Count == 0 ? [] : [new Observation(findingClass, FindingSeverity.Damage, string.Join('\n', problems))];

    /// <summary>Our own version, as a checker's.</summary>
    public static string Version => typeof(DirectExamination).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    /// <summary>The checkers' views, made when the first is needed; where they cannot be made, why not.</summary>
    private sealed class Views(IReadOnlyList<GuestDrive> drives, GuestOptions options, ToolLog log, ScratchDirectory scratch) : IAsyncDisposable
    {
        private readonly HashSet<string> opened = [];
        private readonly Dictionary<string, string> versions = [];
        private StorageDaemon? daemon;
        private string? obstacle;

        public bool HasKeyFor(BlockDevice device) => options.Keys.Any(k => k.IsFor(device.Uuid));

        public async Task<Examined> CheckAsync(DirectVolume volume, ContentCheck check, CancellationToken cancel)
        {
            if (check.Programs.FirstOrDefault(p => ChildProcess.Find(p) is null) is { } missing) return Left(volume, $"this host lacks {missing}");
            if (obstacle is not null) return Left(volume, obstacle);
            try
            {
                daemon ??= await StorageDaemon.StartAsync(options, log, cancel);
                if (opened.Add(volume.Node)) await daemon.OpenAsync(drives.Where((_, i) => DirectSurvey.NodeOf(i) == volume.Node).Single(), volume.Node, cancel);
                var place = new DirectPlace(daemon, options, log, scratch, volume);
                await place.OpenAsync(cancel);
                var result = await check.RunAsync(place, volume.Device, cancel);
                if (result.NeedsKernel is { } why) return Left(volume, why);
                // What could not be checked was not checked, whatever else was seen of it.
                if (result.Observations.FirstOrDefault(o => o.Class == "not-checked") is { } note) return new Examined(volume.Device, result.Observations) { Why = GuestText.Name(note.Text) };
                return new Examined(volume.Device, result.Observations) { CheckedBy = $"{check.Tool} {await VersionAsync(check, cancel)}".TrimEnd(), Via = Examined.Direct, Why = Sufficient };
            }
            catch (SealiftException e) when (e.Code is "SL5005" or "SL1101" or "SL1103" or "SL1104" or "SL1106")
            {
                // Not the volume's fault: the appliance does without all of this.
                log.Add($"--- no view: {e.Message}");
                obstacle = $"partitions cannot be shown as files on this host: {GuestText.Name(e.Said)}";
                return Left(volume, obstacle);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (daemon is not null) await daemon.DisposeAsync();
        }

        private static Examined Left(DirectVolume volume, string why) => new(volume.Device, []) { Why = why, NeedsAppliance = why, IsLeft = true };

        private async Task<string> VersionAsync(ContentCheck check, CancellationToken cancel)
        {
            if (versions.TryGetValue(check.Tool, out var known)) return known;
            var result = await ChildProcess.RunAsync(new ChildCommand(check.Tool, check.VersionArguments) { Deadline = TimeSpan.FromSeconds(30), AcceptedExitCodes = [.. Enumerable.Range(0, 256)] }, cancel);
            var line = $"{result.Output.Trim()}\n{result.ErrorTail.Trim()}".Trim().Split('\n')[0];
            return versions[check.Tool] = ApplianceTools.VersionIn(line);
        }
    }
}
