using System.CommandLine;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift repair</c>: what differs from the map of a copy is copied once more, and the whole target proven.</summary>
internal static class RepairCommand
{
    private static readonly Argument<string> Target = new("DST") { Description = "The disk that is repaired, in place: a raw or qcow2 file, a block device, or an NBD URI." };
    private static readonly Option<string> Source = new("--from") { Description = "What DST is a copy of: a disk image of any format that is read, a block device, or an NBD URI. It is never written to.", HelpName = "SRC", Required = true };
    private static readonly Option<string> Map = new("--map") { Description = "The block map of the copy, as copy --map kept it.", HelpName = "FILE", Required = true };
    private static readonly Option<string?> Format = new("--format", "-f") { Description = "The format of DST, raw or qcow2; by default from its content.", HelpName = "FORMAT" };
    private static readonly Option<ImageFormat?> SourceFormat = new("--source-format") { Description = "Format of the source; by default from its content. raw takes any bytes as a disk.", HelpName = "FORMAT" };
    private static readonly Option<string?> AllowBacking = new("--allow-backing") { Description = "Let the source name backing and data files inside this directory.", HelpName = "DIR" };
    private static readonly Option<bool> CheckOnly = new("--check-only") { Description = "Only say what differs, and whether the source has it; write nothing." };

    public static Command Build()
    {
        Format.AcceptOnlyFromAmong("raw", "qcow2");
        var command = new Command("repair", "Copy those ranges of a disk once more that differ from the block map of its copy, and prove the whole disk by reading it back from storage.")
        {
            Target, Source, Map, Format, SourceFormat, AllowBacking, CheckOnly, IoTimeout.Option,
        };
        Tuning.AddTo(command);
        command.SetAction(RunAsync);
        return command.WithExamples(
            "sealift repair web01.raw --from web01.vmdk --map web01.blockmap",
            "sealift repair /dev/vg/disk --from disk.qcow2 --map disk.blockmap --check-only");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        using var map = BlockMap.Open(parsed.GetValue(Map)!);
        var tuning = Tuning.Of(parsed, map.BlockBytes);
        var connection = tuning.Over(IoTimeout.ConnectionOf(parsed));
        var json = parsed.GetValue(GlobalOptions.Json);
        var checkOnly = parsed.GetValue(CheckOnly);
        using var work = new WorkDirectory();
        using var view = new RepairView(parsed.GetValue(Target)!, checkOnly, tuning, json);
        try
        {
            var format = parsed.GetValue(Format) switch { null => (ImageFormat?)null, "qcow2" => ImageFormat.Qcow2, _ => ImageFormat.Raw };
            var target = await RepairTarget.ExamineAsync(parsed.GetValue(Target)!, format, connection, work.Path, cancel);
            var probe = new ImageProbeOptions { Format = parsed.GetValue(SourceFormat), AllowBackingDirectory = parsed.GetValue(AllowBacking) is { } directory ? Path.GetFullPath(directory) : null };
            var source = await CopySource.ExamineAsync(parsed.GetValue(Source)!, probe, connection, work.Path, cancel);
            foreach (var note in source.Notes) NoteText.Write(note, json);
            var request = new RepairRequest(target, source, map) { CheckOnly = checkOnly, Options = tuning.Options };
            return view.Finished(map.Parameters, await TargetRepair.RunAsync(request, view, cancel));
        }
        catch (Exception e) when (e is SealiftException or OperationCanceledException)
        {
            return view.Stopped(e);
        }
    }
}
