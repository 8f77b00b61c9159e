using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Migrations.Steps;
using Sealift.Nbd;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>What the steps of one migration share: the plan, the paths, what earlier steps established, and who is told.</summary>
internal sealed class MigrationContext
{
    private Dictionary<PlannedStep, string> results;
    private readonly Dictionary<PlannedStep, string> refused = [];

    public MigrationContext(MigrationStore store, MigrationRow row, MigrationTerms terms, EventSink events)
    {
        Store = store;
        Journal = store.Journal;
        Id = row.Id;
        CreatedAt = row.CreatedAt;
        Request = row.Request;
        Keys = terms.Keys;
        Events = events;
        StateDirectory = store.DirectoryOf(row.Id);
        WorkDirectory = Path.Combine(row.Request.TargetDirectory, $".sealift-{row.Id}");
        Files = new Artefacts(Journal, Id, WorkDirectory);
        Copying = CopyOptions.Default with
        {
            Bandwidth = terms.Bandwidth ?? (Request.BandwidthBytesPerSecond is { } rate ? new BandwidthLimit(rate, TimeProvider.System) : null),
            Workers = Request.QueueDepth ?? CopyOptions.Default.Workers,
            RequestBytes = Request.RequestBytes ?? CopyOptions.Default.RequestBytes,
            CheckpointBytes = Request.CheckpointBytes ?? CopyOptions.Default.CheckpointBytes,
        };
        Far = FarDisks.Of(this);
        results = Journal.Steps(Id).Where(s => s is { State: StepState.Done, Result: not null }).ToDictionary(s => s.Step, s => s.Result!);
    }

    public MigrationStore Store { get; }

    public Journal Journal { get; }

    public string Id { get; }

    public DateTimeOffset CreatedAt { get; }

    public MigrationRequest Request { get; }

    public EventSink Events { get; }

    /// <summary>The keys of its encrypted volumes.</summary>
    public IReadOnlyList<VolumeKey> Keys { get; }

    /// <summary>How disks are copied and read back. One limit of the bandwidth for all of them.</summary>
    public CopyOptions Copying { get; }

    public Artefacts Files { get; }

    /// <summary>The disks, where they become volumes of another host; null where they do not.</summary>
    public FarDisks? Far { get; }

    /// <summary>Whether a disk is on an NBD export, or is reached as one.</summary>
    public bool HasExports => Far is not null || Request.Target.Disks.Any(d => d.Export is not null);

    /// <summary>
    /// What was found where a disk was read back while it was copied, by its key. Not journaled: a run that is killed before the
    /// read-back step reads the disk again.
    /// </summary>
    public Dictionary<string, ReadBackResult> ReadBackWhileCopied { get; } = [];

    /// <summary>Whether this run had libvirt define the domain and got no answer, so that it may be defined at any time.</summary>
    public bool MayStillBeDefined { get; set; }

    /// <summary>Logs and reports, in the state directory.</summary>
    public string StateDirectory { get; }

    /// <summary>Disks, overlays and maps, on the target's file system, so that hand-over is a rename.</summary>
    public string WorkDirectory { get; }

    /// <summary>For the tools: sockets, the appliance's own files. Emptied whenever a run begins.</summary>
    public string Scratch => Path.Combine(WorkDirectory, "scratch");

    /// <summary>What had to be unpacked from a compressed source; kept until the disks are proven.</summary>
    public string Unpacked => Path.Combine(WorkDirectory, "source");

    /// <summary>What time it is, for what waits.</summary>
    public TimeProvider Time => Store.Time;

    /// <summary>Opens a disk of the source to read it again: an image, or a disk of a machine that has been shut down.</summary>
    public async Task<IDiskReader> OpenSourceAsync(string key, CancellationToken cancel)
    {
        if (Request.Warm is null) return await DiskImage.OpenReadAsync(Disk(key).Image, Scratch, cancel);
        var machine = await WarmMachine.ConnectAsync(this, cancel);
        try
        {
            return await machine.OpenStoppedAsync(key, cancel); // it ends the connection, too
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    public SourceMachine Source => AsCopied(Result(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine));

    /// <summary>The source as it was described, with the lengths that its disks had when they were copied last: those of a running machine may be resized.</summary>
    public SourceMachine AsCopied(SourceMachine described)
    {
        if (Request.Warm is null || Journal.Passes(Id).LastOrDefault(p => p.IsDone) is not { } last) return described;
        return described with
        {
            Machine = described.Machine with
            {
                Disks = [.. described.Machine.Disks.Select(d => last.Disks.FirstOrDefault(c => c.Key == d.Key) is { } copied ? d with { Image = d.Image with { VirtualLengthBytes = copied.LengthBytes } } : d)],
            },
        };
    }

    public BlkhashParameters Hash => new(BlkhashParameters.ParseAlgorithm(Request.Algorithm), Request.BlockBytes);

    public string Extension => Request.Format == ImageFormat.Qcow2 ? "qcow2" : "raw";

    /// <summary>A copied disk; or what stands for it where it is not in the target directory.</summary>
    public string DiskPath(string key) => Path.Combine(WorkDirectory, $"{key}.{(Far is not null ? TargetMachine.VolumeExtension : ExportOf(key) is null ? Extension : TargetMachine.ExportExtension)}");

    /// <summary>A copied disk, wherever it is.</summary>
    public CopiedDisk CopiedDisk(string key) =>
        Far is not null ? Disks.CopiedDisk.InFarFile(Far.Export(key), Far.CacheBypass)
        : ExportOf(key) is { } export ? Disks.CopiedDisk.OnExport(export)
        : Disks.CopiedDisk.InFile(DiskPath(key), Request.Format);

    private NbdUri? ExportOf(string key) => Far is not null ? Far.Export(key) : Request.Target.Disks.Count == 0 ? null : Request.Target.Of(Disk(key))?.Export;

    public string OverlayPath(string key) => Path.Combine(WorkDirectory, $"{key}.overlay.qcow2");

    /// <summary>S's leaves.</summary>
    public string SourceMapPath(string key) => Path.Combine(WorkDirectory, $"{key}.source.blockmap");

    /// <summary>The leaves that the passes over a running machine have read the target back with.</summary>
    public string ProvenMapPath(string key) => Path.Combine(WorkDirectory, $"{key}.proven.blockmap");

    /// <summary>F's leaves; without conversion that is S's map.</summary>
    public string FinalMapPath(string key) => Request.Convert ? Path.Combine(WorkDirectory, $"{key}.final.blockmap") : SourceMapPath(key);

    /// <summary>What the conversion did to the guest's files, one a line.</summary>
    public string FileChangesPath => Path.Combine(WorkDirectory, "changes.jsonl");

    /// <summary>The lists of the guest's files as the source has them, until the machine is handed over.</summary>
    public string FilesBefore => Path.Combine(StateDirectory, "files-before");

    /// <summary>The same of the converted guest, until they are compared.</summary>
    public string FilesAfter => Path.Combine(StateDirectory, "files-after");

    public string LogPath(string step) => Path.Combine(StateDirectory, $"{step}.log");

    public SourceDisk Disk(string key) => Source.Machine.Disks.Single(d => d.Key == key);

    /// <summary>What a step that is done established.</summary>
    /// <exception cref="Posix.SealiftException">SL7205: it is not done.</exception>
    public T Result<T>(string step, string disk, JsonTypeInfo<T> type)
        where T : class =>
        Find(step, disk, type) ?? throw MigrationErrors.EvidenceMissing(disk.Length == 0 ? step : $"{step} of {disk}");

    /// <summary>The same, or null where the step is not done.</summary>
    public T? Find<T>(string step, string disk, JsonTypeInfo<T> type)
        where T : class =>
        results.TryGetValue(new PlannedStep(step, disk), out var json) ? Journal.Decode(json, type, $"the result of {step} {disk} of {Id}") : null;

    /// <summary>What a step saw, even where it stops the migration: for the report, never for the gate.</summary>
    public T? Evidence<T>(string step, string disk, JsonTypeInfo<T> type)
        where T : class =>
        Find(step, disk, type) ?? (refused.TryGetValue(new PlannedStep(step, disk), out var json) ? Journal.Decode(json, type, $"the evidence of {step} {disk} of {Id}") : null);

    public void Keep(PlannedStep step, string json) => results[step] = json;

    public void KeepRefused(PlannedStep step, string json) => refused[step] = json;

    /// <summary>Voids the results of steps: they run again at the next resume.</summary>
    /// <param name="disk">Only for this disk; null for all.</param>
    /// <param name="names">The steps.</param>
    public void Forget(string? disk, params IReadOnlyList<string> names)
    {
        Journal.Forget(Id, disk, names);
        results = results.Where(r => !(names.Contains(r.Key.Step) && (disk is null || r.Key.Disk == disk))).ToDictionary();
    }

    /// <summary>Opens a map that an earlier step filled, and proves that it is the one whose root the journal holds.</summary>
    /// <exception cref="Posix.SealiftException">SL7206, SL7207 or SL2xxx: it is not.</exception>
    public BlockMap OpenMap(string path, string expectedRoot, bool update = false)
    {
        Files.Verify(path);
        var map = update ? BlockMap.OpenForUpdate(path) : BlockMap.Open(path);
        try
        {
            map.Verify();
            var root = Hex(map.Root());
            if (root != expectedRoot) throw MigrationErrors.MapMismatch(path, expectedRoot, root);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    public static string Hex(byte[] root) => Convert.ToHexStringLower(root);

    public static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.##} MiB"),
        >= 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 10):0.##} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
    };

    public static StepResult Done<T>(string summary, T result, JsonTypeInfo<T> type) => new(summary, JsonSerializer.Serialize(result, type));
}
