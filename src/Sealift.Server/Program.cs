using System.CommandLine;
using Sealift.Posix;
using Sealift.Server;

SignalDisposition.IgnoreFileSizeExceeded();
var state = new Option<string?>("--state") { Description = "Directory of the database, the keys and the journal.", HelpName = "DIR", Recursive = true };
var json = new Option<bool>("--json") { Description = "Print one JSON object a line instead of text for people.", Recursive = true };
var line = new ServeCommandLine();
var root = new RootCommand("The server of Sealift; 'sealift serve' starts it.") { state, json };
root.Subcommands.Add(line.Build("serve", (parsed, cancel) => ServeCommand.RunAsync(line, parsed, parsed.GetValue(state), parsed.GetValue(json), cancel), (verb, parsed, cancel) => ServeCommand.UserAsync(verb, line, parsed, parsed.GetValue(state), parsed.GetValue(json), cancel)));
// The command of the same name has read these arguments already: its name is the only word that is not among them.
var result = root.Parse(["serve", .. args]);
try
{
    var exitCode = await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromHours(24) });
    return result.Errors.Count > 0 ? 2 : exitCode;
}
#pragma warning disable CA1031 // the last place: whatever it is, it is reported and becomes an exit code
catch (Exception e)
{
    return ServeReport.Write(e, result.GetValue(json));
}
#pragma warning restore CA1031
