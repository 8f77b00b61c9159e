using System.CommandLine;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift copy</c>: one disk from here to there, proven.</summary>
internal static class CopyCommand
{
    private static readonly Argument<string> Source = new("SRC") { Description = "A disk image of any format that is read, a block device, an NBD URI, or an iSCSI URI. It is never written to." };
    private static readonly Argument<string> Target = new("DST") { Description = "A new file, a block device, an NBD URI, or an iSCSI URI. A new file gets its name when it is proven; until then it is DST.sealift-copy/disk." };
    private static readonly Option<string> Format = new("--format", "-f") { Description = "Format of a new file: raw or qcow2.", HelpName = "FORMAT", DefaultValueFactory = _ => "raw" };
    private static readonly Option<ImageFormat?> SourceFormat = new("--source-format") { Description = "Format of the source; by default from its content. raw takes any bytes as a disk.", HelpName = "FORMAT" };
    private static readonly Option<string?> AllowBacking = new("--allow-backing") { Description = "Let the source name backing and data files inside this directory.", HelpName = "DIR" };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Write over a block device, an NBD export or a unit over iSCSI, or replace a file of that name after the copy is proven." };
    private static readonly Option<bool> NoProof = new("--no-proof") { Description = "Do not read the target back. The verdict is degraded at best." };
    private static readonly Option<string?> Map = new("--map") { Description = "Keep the block map in this new file.", HelpName = "FILE" };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on with a copy of the same source to the same target that was interrupted." };
    private static readonly Option<bool> Restart = new("--restart") { Description = "Throw away what an interrupted copy to the same target left, and begin anew." };
    private static readonly Option<string> Digest = new("--digest", "-d") { Description = "md5, sha1, sha256 or sha512.", HelpName = "NAME", DefaultValueFactory = _ => "sha256" };
    private static readonly Option<int> BlockSize = new("--block-size", "-b") { Description = "Block size in bytes, a power of two.", HelpName = "BYTES", DefaultValueFactory = _ => BlkhashParameters.DefaultBlockBytes };

    public static Command Build()
    {
        Format.AcceptOnlyFromAmong("raw", "qcow2");
        Digest.AcceptOnlyFromAmong("md5", "sha1", "sha256", "sha512");
        var command = new Command("copy", "Copy a disk, hash it on the way, and prove the target by reading it back from storage.")
        {
            Source, Target, Format, SourceFormat, AllowBacking, Overwrite, NoProof, Map, Resume, Restart, TransferOption.Way, TransferOption.NoFallback, TransferOption.Esxi, TransferOption.Datastore, Checkpoint.Option, Digest, BlockSize,
            IoTimeout.Option,
        };
        Tuning.AddTo(command);
        IscsiAccess.AddTo(command);
        command.Validators.Add(result =>
        {
            if (!result.GetValue(Resume)) return;
            if (result.GetValue(Restart)) result.AddError("--resume and --restart contradict each other.");
            if (result.GetValue(NoProof)) result.AddError("--resume needs the read-back: what was copied before the interruption is proven by nothing else. Leave out --no-proof.");
        });
        command.SetAction(RunAsync);
        return command.WithExamples(
            "sealift copy web01.vmdk web01.raw",
            "sealift copy --format qcow2 --map web01.blockmap web01.vhdx web01.qcow2",
            "sealift copy --overwrite disk.qcow2 /dev/vg/disk",
            "sealift copy --transfer reflink golden.raw web02.raw",
            "sealift copy nbd://host/export disk.raw",
            "sealift copy --overwrite iscsi://array/iqn.2001-05.com.example:vol/1 iscsi://array/iqn.2001-05.com.example:vol/2",
            "sealift copy --resume web01.vmdk web01.raw");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var json = parsed.GetValue(GlobalOptions.Json);
        var prove = !parsed.GetValue(NoProof);
        var (from, to) = (parsed.GetValue(Source)!, parsed.GetValue(Target)!);
        using var work = new WorkDirectory();
        var parameters = new BlkhashParameters(BlkhashParameters.ParseAlgorithm(parsed.GetValue(Digest)!), parsed.GetValue(BlockSize));
        var tuning = Tuning.Of(parsed, parameters.BlockBytes);
        using var view = new CopyView(json, prove, parameters, tuning);
        try
        {
            var probe = new ImageProbeOptions { Format = parsed.GetValue(SourceFormat), AllowBackingDirectory = parsed.GetValue(AllowBacking) is { } directory ? Path.GetFullPath(directory) : null };
            var connection = tuning.Over(IoTimeout.ConnectionOf(parsed));
            var units = new[] { from, to }.Select(name => IscsiUri.Is(name) ? IscsiUri.Parse(name) : null).ToArray();
            var iscsi = IscsiAccess.Of(parsed, connection, units.OfType<IscsiUri>());
            var source = units[0] is { } fromUnit
                ? await CopySource.ExamineAsync(ScsiPlace.Of(fromUnit, iscsi), cancel)
                : await CopySource.ExamineAsync(from, probe, connection, work.Path, cancel);
            foreach (var note in source.Notes) view.Note(note);
            var format = parsed.GetValue(Format) == "qcow2" ? ImageFormat.Qcow2 : ImageFormat.Raw;
            var target = units[1] is { } toUnit
                ? await CopyTarget.ExamineAsync(ScsiPlace.Of(toUnit, iscsi), format, parsed.GetValue(Overwrite), GlobalOptions.StateDirectory(parsed), cancel)
                : CopyTarget.Of(to, format, parsed.GetValue(Overwrite), connection, GlobalOptions.StateDirectory(parsed), work.Path);
            var request = new CopyRequest(source, target, parameters)
            {
                Prove = prove,
                Transfer = TransferOption.PlanOf(parsed),
                MapPath = parsed.GetValue(Map) is { } map ? Path.GetFullPath(map) : null,
                Start = parsed.GetValue(Resume) ? CopyStart.Resume : parsed.GetValue(Restart) ? CopyStart.Restart : CopyStart.New,
                Options = Checkpoint.Of(parsed) is { } bytes ? tuning.Options with { CheckpointBytes = bytes } : tuning.Options,
            };
            return view.Finished(from, to, await ProvenCopy.RunAsync(request, view, cancel));
        }
        catch (Exception e) when (view.HasBegun && e is SealiftException or OperationCanceledException)
        {
            // From here on there is a verdict, and something that can be resumed.
            return view.Stopped(from, to, e);
        }
    }
}
