using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// An ESXi host clones the disk from datastore to datastore, by its own vmkfstools, over ssh. This host sees the same datastores: it reads
/// the source with parsers of its own, and the clone as any other target.
/// </summary>
internal sealed class EsxiCloneTransfer : IFileMaker
{
    public const string ItsName = "esxi-clone";

    public string Name => ItsName;

    /// <summary>How long it is waited for at each point.</summary>
    internal EsxiPatience Patience { get; init; } = new();

    public async ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel)
    {
        if (WhyNot(ends) is { } why) return TransferFitness.Cannot(why);
        var (esxi, source, target) = (ends.Esxi!, NameThere(ends, ends.Source.Path!), NameThere(ends, Path.GetDirectoryName(ends.Target.Path!)!));
        try
        {
            var said = (await ChildProcess.RunAsync(EsxiScript.Look(esxi.Ssh, source, target), cancel)).Output.Split('\n', StringSplitOptions.TrimEntries);
            return said switch
            {
                _ when !said.Contains(EsxiScript.Looked) => TransferFitness.Cannot($"{esxi.Ssh.Name} does not run what it is told to by ssh"),
                _ when said.Contains(EsxiScript.NoTool) => TransferFitness.Cannot($"{esxi.Ssh.Name} has no vmkfstools: it is no ESXi host"),
                _ when said.Contains(EsxiScript.NoSource) => TransferFitness.Cannot($"{esxi.Ssh.Name} cannot read {source}"),
                _ when said.Contains(EsxiScript.NoTarget) => TransferFitness.Cannot($"{esxi.Ssh.Name} cannot write into {target}"),
                _ => TransferFitness.Fits,
            };
        }
        catch (ChildException e)
        {
            return TransferFitness.Cannot($"{esxi.Ssh.Name} cannot be asked: {InWords(e)}");
        }
    }

    public MadeFile Plan(TransferEnds ends)
    {
        // A number that nobody guesses: whoever was killed while it made one has another one open.
        var number = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        return ends.Esxi!.CloneAt(Path.Combine(Path.GetDirectoryName(ends.Target.Path!)!, $"{EsxiHost.PrefixOf(ends.Target.Path!)}{number}-flat.vmdk"))!;
    }

    public async Task<string?> MakeAsync(TransferEnds ends, MadeFile file, IProgress<long>? progress, CancellationToken cancel)
    {
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        using (var permit = PosixFile.Open(file.Beside[1], OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            permit.WriteAt(Encoding.ASCII.GetBytes(nonce), 0);
            permit.Sync();
        }

        var said = await new EsxiClone(ends.Esxi!.Ssh, NameThere(ends, ends.Source.Path!), file, Patience).RunAsync(nonce, percent => progress?.Report(ends.Source.LengthBytes / 100 * percent), cancel);
        return said ?? await WhyNotTheDiskAsync(ends, file, cancel);
    }

    public async Task<string?> EndAsync(MadeFile file, CancellationToken cancel)
    {
        try
        {
            // Who begins after this finds no permit, wherever it is looked for.
            _ = PosixPath.RemoveFile(file.Beside[1]); // false: there never was one, or it is gone
            var said = (await ChildProcess.RunAsync(EsxiScript.End(EsxiHost.SshOf(file.Host), file.There, Patience.Lease + Patience.Grace + Patience.Grace), cancel)).Output.Split('\n', StringSplitOptions.TrimEntries);
            if (said.Contains(EsxiScript.Over)) return null;
            return Array.Find(said, line => line.StartsWith(EsxiScript.Runs, StringComparison.Ordinal)) is { } runs
                ? $"process {ImageErrors.Printable(runs[EsxiScript.Runs.Length..])} there does not end"
                : "the host does not run what it is told to by ssh";
        }
        catch (ChildException e)
        {
            return $"the host cannot be asked: {InWords(e)}";
        }
        catch (PosixException e)
        {
            return $"{file.Beside[1]} cannot be removed here: {e.Said}";
        }
    }

    /// <summary>All of it is there, or it would not have been made.</summary>
    public ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult<ITransfer>(new Made());

    /// <summary>What a program over ssh said last, in a few printable words.</summary>
    internal static string InWords(ChildException error)
    {
        var words = Array.FindAll(error.LastWords.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), line => !line.StartsWith("@@@", StringComparison.Ordinal));
        var said = words.Length == 0 ? error.Said : string.Join("; ", words.TakeLast(3));
        return ImageErrors.Printable(said).TrimEnd('.');
    }

    private static string NameThere(TransferEnds ends, string path) => ends.Esxi!.Of(path)!.NameOf(path);

    private static string? WhyNot(TransferEnds ends)
    {
        var (source, target) = (ends.Source, ends.Target);
        if (ends.Esxi is not { } esxi) return "no ESXi host was named (--esxi)";
        if (esxi.Datastores.Count == 0) return "no datastore was named (--esxi-datastore)";
        if (source.Path is null || source.Format != ImageFormat.Vmdk) return $"the source is no VMDK, and vmkfstools clones nothing else";
        if (source.Offset != 0) return "the source is a member of a container";
        if (source.Subformat == "streamOptimized") return "the source is streamOptimized, which vmkfstools does not clone";
        if (target.WhyNotAFile("the target") is { } why) return why;
        if (ends.IsSlowed) return "a limit of the bandwidth was asked for, and what storage copies by itself cannot be slowed down";
        if (esxi.Of(source.Path) is not { } from) return "the source lies in no datastore that was named (--esxi-datastore)";
        if (esxi.Of(target.Path!) is not { } to) return "the target lies in no datastore that was named (--esxi-datastore)";
        // Descriptors name their extents and parents by names that begin with where they themselves are.
        if (source.Files.FirstOrDefault(f => esxi.Of(f) != from) is { } elsewhere) return $"a part of the source lies outside of its datastore: {ImageErrors.Printable(elsewhere)}";
        return source.Files.Append(source.Path).Select(from.WhyNotTheSame).FirstOrDefault(w => w is not null) ?? to.WhyNotTheSame(target.Path!);
    }

    /// <summary>Waits until what was made is seen here: a file system over a network may keep for a while that there is none.</summary>
    /// <returns>Why it cannot be the target; null where it can.</returns>
    private async Task<string?> WhyNotTheDiskAsync(TransferEnds ends, MadeFile file, CancellationToken cancel)
    {
        string? why = null;
        for (var left = Patience.Sight; left >= TimeSpan.Zero; left -= EsxiPatience.Look)
        {
            why = FileFacts.OfPathIfExists(file.Path) switch
            {
                null => "vmkfstools says that it made the clone, and there is none",
                { Kind: not FileKind.Regular } facts => $"vmkfstools made a {facts.Kind} and no file",
                { LengthBytes: var length } when length != ends.Target.LengthBytes => $"vmkfstools made a disk of {length} bytes, and the source has {ends.Target.LengthBytes}",
                _ => null,
            };
            if (why is null) break;
            await Task.Delay(EsxiPatience.Look, cancel);
        }

        if (why is not null) return why;
        try
        {
            PosixFile.Open(file.Path, OpenMode.ReadWrite | OpenMode.NoFollow).Close();
            return null;
        }
        catch (PosixException e)
        {
            return $"the clone may not be opened here: {e.Said}"; // whoever runs this is not whom ESXi writes as
        }
    }

    private sealed class Made : ITransfer
    {
        public long RangeBytes => long.MaxValue;

        public ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel)
        {
            progress?.Report(range.LengthBytes);
            return ValueTask.FromResult<string?>(null);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>How long an ESXi host is waited for.</summary>
internal sealed record EsxiPatience
{
    /// <summary>How often it is looked whether something is there that must come.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    /// <summary>How often the host is told to go on.</summary>
    public TimeSpan Beat { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long it goes on without. A connection that hangs for so long is lost.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How long vmkfstools may take to end.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a clone may neither tell of progress nor take more space.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long it may take until this host sees a file that another one made: NFS keeps what it knows of a directory for at most 60 seconds.</summary>
    public TimeSpan Sight { get; init; } = TimeSpan.FromSeconds(65);
}
