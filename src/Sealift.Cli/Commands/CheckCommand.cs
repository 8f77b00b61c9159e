using System.CommandLine;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift check</c>: what a migration finds on a source before it copies the first byte.</summary>
internal static class CheckCommand
{
    private static readonly Argument<string[]> Source = new("SOURCE")
    {
        Description = "As for migrate: one OVA or OVF, a directory that holds one OVF, the disk images of one machine in the order in which it sees them, or a machine that runs (qmp:SOCKET, qemu:///system/DOMAIN, qemu+ssh://…). Never written to.",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<ImageFormat?> SourceFormat = new("--source-format") { Description = "Format of disk images; by default from their content.", HelpName = "FORMAT" };
    private static readonly Option<string?> AllowBacking = new("--allow-backing") { Description = "Let images name backing and data files inside this directory.", HelpName = "DIR" };
    private static readonly Option<string?> Name = new("--name") { Description = "The machine to take of a package that holds several.", HelpName = "NAME" };
    private static readonly Option<bool> Inspect = new("--inspect") { Description = "Look for the operating system as well, for where it mounts what, and for what its conversion would fail over or would keep it from starting on KVM: the appliance is started for that." };
    private static readonly Option<bool> NoConvert = new("--no-convert") { Description = "With --inspect: as for migrate, so that what only a conversion would fail over is no obstacle." };
    private static readonly Option<bool> InAppliance = new("--appliance") { Description = "Check everything in the appliance, by other programs where there are two: a second opinion, in minutes rather than seconds." };
    private static readonly Option<string[]> LuksKey = LuksKeys.Option();
    private static readonly Option<string?> Log = new("--log") { Description = "Keep everything that the checkers said in this file, which is replaced. By default it is kept after an error only.", HelpName = "FILE" };

    public static Command Build()
    {
        var command = new Command("check", "Check the partition tables and file systems of a machine where it is. Exit code 0: everything was checked and is sound; 1: there is damage, or something over which its conversion is bound to fail; 3: no damage, and something that nothing checks.")
        {
            Source, SourceFormat, AllowBacking, Name, Inspect, NoConvert, InAppliance, LuksKey, Log,
        };
        command.SetAction(RunAsync);
        return command.WithExamples(
            "sealift check web01.ova",
            "sealift check system.vmdk data.vmdk",
            "sealift check --inspect web01.ova",
            "sealift check --json disk.qcow2",
            "sealift check --luks-key all=file:keys/web01.key web01.ova",
            "sealift check --appliance --log check.log disk.raw");
    }

    private static Task<int> RunAsync(ParseResult parsed, CancellationToken cancel) =>
        ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), json => CheckAsync(parsed, json, cancel));

    private static async Task<int> CheckAsync(ParseResult parsed, bool json, CancellationToken cancel)
    {
        var keys = LuksKeys.Read(LuksKeys.Sources(parsed, LuksKey));
        using var work = new WorkDirectory();
        var kept = parsed.GetValue(Log) is { } path ? Path.GetFullPath(path) : null;
        var log = kept ?? Path.Combine(Path.GetTempPath(), $"sealift-check-{Guid.NewGuid():N}.log");
        using var view = new CheckView(json);
        var servers = new VSphereRegistry(GlobalOptions.StateDirectory(parsed));
        var source = await MachineSource.OpenAsync(
            [.. parsed.GetValue(Source)!.Select(SourceName.Full)],
            new SourceOptions
            {
                WorkDirectory = work.Path,
                AllowBackingDirectory = parsed.GetValue(AllowBacking) is { } directory ? Path.GetFullPath(directory) : null,
                Format = parsed.GetValue(SourceFormat),
                Overrides = new MachineOverrides { Name = parsed.GetValue(Name) },
                Servers = servers.Access,
            },
            cancel);
        var options = new GuestOptions
        {
            WorkDirectory = work.Path,
            LogPath = log,
            Inspect = parsed.GetValue(Inspect),
            Keys = keys,
            LintScope = parsed.GetValue(NoConvert) ? LintScope.AsItIs : LintScope.Conversion,
            Way = parsed.GetValue(InAppliance) ? CheckWay.Appliance : CheckWay.Direct,
        };
        var report = await SourceExamination.RunAsync(source, servers.Access, options, view, cancel);
        if (kept is null) _ = PosixPath.RemoveFile(log); // false: somebody removed it already, which is what is wanted
        return view.Finished(source.Machine, report, parsed.GetValue(Inspect));
    }
}
