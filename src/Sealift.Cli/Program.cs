using System.CommandLine;
using System.CommandLine.Invocation;
using Sealift.Cli;
using Sealift.Disks;
using Sealift.Posix;

// By the kernel and not by a handler of the runtime's: that hears of it late, and a process that is about to end dies of it after all.
SignalDisposition.IgnoreFileSizeExceeded();
WorkerThreads.Provide(CopyOptions.Default.Workers);
var parsed = CommandTree.Build().Parse(args);
var configuration = new InvocationConfiguration
{
    EnableDefaultExceptionHandler = false,
    // Ctrl-C ends a migration in good order, which can take as long as a commit: never cut it short.
    ProcessTerminationTimeout = TimeSpan.FromHours(24),
};
// The errors are the answer to a wrong command line; a page of help would push them off the screen.
if (parsed.Action is ParseErrorAction wrong) wrong.ShowHelp = parsed.Tokens.Count == 0;
try
{
    var exitCode = await parsed.InvokeAsync(configuration);
    // Not where help was asked for: that an argument is missing besides is no fault then.
    return parsed.Action is ParseErrorAction ? ExitCode.Usage : exitCode;
}
#pragma warning disable CA1031 // the last place: whatever it is, it is reported and becomes an exit code
catch (Exception e)
{
    return ErrorReport.Write(e, parsed.GetValue(GlobalOptions.Json));
}
#pragma warning restore CA1031
