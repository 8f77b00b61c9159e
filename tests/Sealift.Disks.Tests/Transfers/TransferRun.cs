using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>A whole copy from file to file by one provider, and what became of it.</summary>
internal sealed class TransferRun(string folder) : ICopyObserver, IDisposable
{
    public string Source => Path.Combine(folder, SourceName);

    /// <summary>The ESXi host that may copy; then the source is a VMDK whose extent is <see cref="Source"/>.</summary>
    public EsxiHost? Esxi { get; init; }

    /// <summary>The descriptor of that VMDK.</summary>
    public string Descriptor => Path.Combine(folder, "it's a $(disk).vmdk");

    public string Target => Path.Combine(folder, TargetName);

    public string SourceName { get; init; } = "source";

    public string TargetName { get; init; } = "target";

    /// <summary>Whether the folder is somebody else's, so that only the map is removed in the end.</summary>
    public bool Keep { get; init; }

    public string Work => work ?? Target + ".sealift-copy";

    /// <summary>The units whose bytes are those of <see cref="Source"/> and <see cref="Target"/>; null where these are files and no more.</summary>
    public (ScsiPlace? Source, ScsiPlace? Target)? Units { get; init; }

    /// <summary>Whether the target has the name that it gets in the end. A unit has it all the time.</summary>
    public bool HasItsName => Units?.Target is null && File.Exists(Target);

    public List<Mismatch> Mismatches { get; } = [];

    public TransferReport? Chosen { get; private set; }

    public bool HasBegun { get; private set; }

    /// <summary>The map of the copy, where it was asked for.</summary>
    public string Map => Path.Combine(folder, "map");

    /// <summary>Called whenever something is told of the progress of a stage.</summary>
    public Action<string, DiskProgress>? OnProgress { get; set; }

    public IReadOnlyList<ITransferProvider> Providers { get; init; } = TransferPlan.Providers;

    /// <summary>What cancels the copy; by default what ends the test.</summary>
    public CancellationToken? Stop { get; set; }

    public CopyOptions Options { get; init; } = CopyOptions.Default with { Workers = 2, CheckpointBytes = 1 << 20, FlushBytes = 1 << 20 };

    /// <summary>Makes the source: random bytes at the given places, holes elsewhere.</summary>
    public void Make(long lengthBytes, params (long Offset, int Length)[] data)
    {
        using var file = PosixFile.Open(Source, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(lengthBytes);
        var random = new Random(lengthBytes.GetHashCode());
        foreach (var (offset, length) in data)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            file.WriteAt(bytes, offset);
        }
    }

    private string? work;

    public async Task<CopyReport> CopyAsync(string way, CopyStart start = CopyStart.New, bool prove = true, bool mayFallBack = true, ImageFormat format = ImageFormat.Raw)
    {
        var cancel = Stop ?? TestContext.Current.CancellationToken;
        if (Esxi is not null && !File.Exists(Descriptor))
            await File.WriteAllTextAsync(Descriptor, $"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW {FileFacts.OfPath(Source).LengthBytes / 512} FLAT \"source\" 0\n", cancel);
        var source = Units?.Source is { } from ? await CopySource.ExamineAsync(from, cancel)
            : Esxi is null ? await CopySource.ExamineAsync(Source, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), folder, cancel)
            : await CopySource.ExamineAsync(Descriptor, new ImageProbeOptions(), new NbdOptions(), folder, cancel);
        var target = Units?.Target is { } to ? await CopyTarget.ExamineAsync(to, format, overwrite: true, folder, cancel) : CopyTarget.Of(Target, format, overwrite: false, new NbdOptions(), folder, folder);
        work = target.WorkPath;
        return await ProvenCopy.RunAsync(
            new CopyRequest(source, target, BlkhashParameters.Default) { Prove = prove, Start = start, Transfer = new TransferPlan(way, mayFallBack) { Esxi = Esxi }, Providers = Providers, Options = Options, MapPath = prove ? Map : null },
            this,
            cancel);
    }

    /// <summary>Demands that the target is the source, byte by byte, and that the hash is that of the source.</summary>
    public void DemandSame(CopyReport report)
    {
        var content = File.ReadAllBytes(Source);
        Assert.Equal(Convert.ToHexStringLower(Scratch.NaiveRoot(content)), report.Root);
        Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(Target)), "the target is not the source");
        Assert.False(Directory.Exists(Work));
        if (!File.Exists(Map)) return;
        using var map = BlockMap.Open(Map);
        map.Verify();
        Assert.Equal(report.Root, Convert.ToHexStringLower(map.Root()));
    }

    public void Dispose()
    {
        if (Keep)
        {
            File.Delete(Map);
            return;
        }

        foreach (var entry in Directory.EnumerateDirectories(folder)) Directory.Delete(entry, recursive: true);
        foreach (var entry in Directory.EnumerateFiles(folder)) File.Delete(entry);
    }

    public void Begun(CopyTarget target, bool resumed, long lengthBytes) => HasBegun = true;

    public void Transfers(TransferReport chosen) => Chosen = chosen;

    public IProgress<DiskProgress>? Progress(string stage) => new Told(this, stage);

    public void Differs(Mismatch mismatch) => Mismatches.Add(mismatch);

    private sealed class Told(TransferRun run, string stage) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value) => run.OnProgress?.Invoke(stage, value);
    }
}
