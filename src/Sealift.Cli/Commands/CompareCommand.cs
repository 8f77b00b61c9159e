using System.CommandLine;
using System.Globalization;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift compare</c>: whether two disks are the same, and where not; as cmp(1), for disks.</summary>
internal static class CompareCommand
{
    // Each listed range is a line that somebody reads, or a program.
    private const int MaximumLimit = 1_000_000;

    private static readonly Argument<string> A = new("A") { Description = "A disk: an image file, any other file as it is, a block device or an NBD URI; or the block map of a disk, which is known by its content." };
    private static readonly Argument<string> B = new("B") { Description = "What it is compared with: the same kinds." };
    private static readonly Option<ImageFormat?> FormatA = new("--format-a") { Description = "The format of A; by default from its content. raw takes any bytes as a disk, also those of a block map.", HelpName = "FORMAT" };
    private static readonly Option<ImageFormat?> FormatB = new("--format-b") { Description = "The format of B.", HelpName = "FORMAT" };
    private static readonly Option<string?> AllowBacking = new("--allow-backing") { Description = "Let images name backing and data files inside this directory.", HelpName = "DIR" };
    private static readonly Option<int> Limit = new("--limit") { Description = "List so many differing ranges and count the others, 0 to 1000000.", HelpName = "N", DefaultValueFactory = _ => CopyOptions.Default.MismatchLimit };
    private static readonly Option<bool> IgnoreTrailingZeros = new("--ignore-trailing-zeros") { Description = "Disks of different lengths are equal where the longer one has only zeros behind the end of the shorter one." };

    public static Command Build()
    {
        var command = new Command("compare", "Compare two disks, a disk with a block map, or two block maps. Exit code 0: equal; 1: they differ; 2 and above: trouble.")
        {
            A, B, FormatA, FormatB, AllowBacking, Limit, IgnoreTrailingZeros, IoTimeout.Option,
        };
        Tuning.AddTo(command);
        command.SetAction(RunAsync);
        return command.WithExamples(
            "sealift compare web01.vmdk web01.qcow2",
            "sealift compare /dev/vg/disk nbd://host/export",
            "sealift compare disk.raw disk.blockmap",
            "sealift compare --ignore-trailing-zeros disk.qcow2 /dev/vg/disk");
    }

    private static Task<int> RunAsync(ParseResult parsed, CancellationToken cancel) =>
        ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), json => CompareAsync(parsed, json, cancel));

    private static async Task<int> CompareAsync(ParseResult parsed, bool json, CancellationToken cancel)
    {
        var (nameA, nameB) = (parsed.GetValue(A)!, parsed.GetValue(B)!);
        var limit = parsed.GetValue(Limit);
        if (limit is < 0 or > MaximumLimit) throw CliErrors.BadValue(Limit.Name, limit.ToString(CultureInfo.InvariantCulture), $"a number from 0 to {MaximumLimit}");
        var connection = IoTimeout.ConnectionOf(parsed);
        if (DiskArgument.AreSame(nameA, nameB)) throw CliErrors.SameDisk(nameA, nameB);
        using var mapA = MapOf(nameA, parsed.GetValue(FormatA));
        using var mapB = MapOf(nameB, parsed.GetValue(FormatB));
        var tuning = Tuning.Of(parsed, (mapA ?? mapB)?.BlockBytes ?? BlkhashParameters.DefaultBlockBytes);
        var options = tuning.Options with { MismatchLimit = limit };
        connection = tuning.Over(connection);

        using var work = new WorkDirectory();
        await using var diskA = mapA is null ? await OpenAsync(nameA, FormatA) : null;
        await using var diskB = mapB is null ? await OpenAsync(nameB, FormatB) : null;
        using var view = new CompareView(nameA, nameB, parsed.GetValue(IgnoreTrailingZeros), json);
        var found = (diskA, diskB) switch
        {
            ({ } a, { } b) => await DiskCompare.RunAsync(a, b, options, view.Differs, view.Progress, cancel),
            ({ } a, null) => await LeafCompare.DiskWithMapAsync(a, mapB!, mapIsFirst: false, options, view.Differs, view.Progress, cancel),
            (null, { } b) => await LeafCompare.DiskWithMapAsync(b, mapA!, mapIsFirst: true, options, view.Differs, view.Progress, cancel),
            _ => LeafCompare.Maps(mapA!, mapB!, options, view.Differs, cancel),
        };
        foreach (var disk in new[] { diskA, diskB })
            if (disk?.MapDoubt is { } doubt) NoteText.Write($"no hole of {disk.Name} was believed and every byte was read: {doubt}", json);
        return view.Finished(found, tuning);

        Task<IDiskReader> OpenAsync(string name, Option<ImageFormat?> format) => DiskArgument.OpenAsync(name, parsed.GetValue(format), parsed.GetValue(AllowBacking), connection, work.Path, cancel);
    }

    /// <summary>A block map, where the argument is one and is not to be taken for a disk.</summary>
    private static BlockMap? MapOf(string name, ImageFormat? format) => format is null && !DiskArgument.IsUri(name) && BlockMap.IsBlockMap(name) ? BlockMap.Open(name) : null;
}
