using System.CommandLine;
using Microsoft.Win32.SafeHandles;
using Sealift.Migrations.Support;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift support-bundle</c>: all that is known about a migration, without secrets, in one file.</summary>
internal static class SupportBundleCommand
{
    public static Command Build()
    {
        var id = JournalCommands.MigrationArgument();
        var output = new Option<string?>("--output") { Description = "The file to write, or '-' for standard output [default: sealift-support-ID.tar.gz in the working directory].", HelpName = "FILE" };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the file where it exists." };
        var noMaps = new Option<bool>("--no-block-maps") { Description = "Leave out the block maps of the disks, which locate a difference." };
        var names = new Option<bool>("--include-names") { Description = "Take the list of the guest's files that the conversion changed, by name." };
        var command = new Command("support-bundle", "Put all that is known about a migration into one .tar.gz: journal, logs, seal, block maps, host. Never what is on the disks; secrets are removed and counted.") { id, output, overwrite, noMaps, names };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            var state = GlobalOptions.StateDirectory(parsed);
            var options = new SupportBundleOptions
            {
                BlockMaps = !parsed.GetValue(noMaps),
                GuestFileNames = parsed.GetValue(names),
                Doctor = deadline => DoctorCommand.TextAsync(state, deadline),
            };
            if (parsed.GetValue(output) is "-")
            {
                if (!Console.IsOutputRedirected) throw CliErrors.BundleToTerminal();
                SupportBundleReport written;
#pragma warning disable RS0030 // it may be a pipe, which has no offsets and cannot be synced; unlike the console's stream it says where nobody reads
                await using (var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, 1)) written = await SupportBundle.WriteAsync(state, parsed.GetValue(id)!, stream, options, cancel);
#pragma warning restore RS0030
                foreach (var line in Lines(written)) Console.Error.WriteLine(line);
                return ExitCode.Success;
            }

            var (path, report) = await SupportBundle.WriteFileAsync(state, parsed.GetValue(id)!, parsed.GetValue(output), parsed.GetValue(overwrite), options, cancel);
            if (json) WriteJson(path, report);
            else
            {
                foreach (var line in Lines(report)) Console.Out.WriteLine(line);
                Console.Out.WriteLine($"bundle:  {ErrorReport.PrintableLine(path)}");
            }

            return ExitCode.Success;
        }));
        return command.WithExamples("sealift support-bundle 261123", "sealift support-bundle 261123 --output - | ssh support 'cat > case-4711.tar.gz'");
    }

    private static IEnumerable<string> Lines(SupportBundleReport report)
    {
        yield return $"files:   {report.Files.Count}";
        foreach (var missing in report.Missing) yield return $"missing: {ErrorReport.PrintableLine(missing)}";
        yield return $"removed: {(report.Removed.Count == 0 ? "nothing looked like a secret" : string.Join(", ", report.Removed.Select(r => $"{r.Key} {r.Value}×")))}";
    }

    private static void WriteJson(string path, SupportBundleReport report) => JsonLine.Write(w =>
    {
        w.WriteString("event", "bundle");
        w.WriteString("path", path);
        w.WriteString("migration", report.Migration);
        w.WriteStartArray("files");
        foreach (var file in report.Files) w.WriteStringValue(file);
        w.WriteEndArray();
        w.WriteStartArray("missing");
        foreach (var missing in report.Missing) w.WriteStringValue(missing);
        w.WriteEndArray();
        w.WriteStartObject("removed");
        foreach (var (kind, count) in report.Removed) w.WriteNumber(kind, count);
        w.WriteEndObject();
    });
}
