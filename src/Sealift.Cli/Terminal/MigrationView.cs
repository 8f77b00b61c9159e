using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>Chooses how a migration is shown: live on a terminal, plain lines elsewhere, JSON where asked for.</summary>
internal static class MigrationView
{
    /// <summary>Runs a migration under the right view and turns its verdict into an exit code.</summary>
    public static async Task<int> RunAsync(bool json, Func<IMigrationObserver, Task<MigrationOutcome>> work)
    {
        var outcome = json ? await work(new JsonView()) : Console.IsOutputRedirected ? await work(new PlainView()) : await LiveView.RunAsync(work);
        return outcome.Verdict switch
        {
            Verdict.Sealed => ExitCode.Success,
            Verdict.Degraded => ExitCode.Degraded,
            Verdict.Cancelled => ExitCode.Cancelled,
            _ => ExitCode.Failed,
        };
    }

    /// <summary>An observer for work that has little to tell.</summary>
    public static IMigrationObserver Quiet(bool json) => json ? new JsonView() : new Silence();

    private sealed class Silence : IMigrationObserver
    {
        public void Report(MigrationEvent happened)
        {
            // The caller prints the outcome; the steps on the way to it are in the journal.
        }
    }
}
