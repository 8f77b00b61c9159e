namespace Sealift.Posix.Tests;

/// <summary>Another process that has children of ours: it is killed, or has been started in a bad way, which the tests' own process cannot be.</summary>
internal static class OtherParent
{
    public const string Flag = "--as-parent";

    /// <summary>The command that runs this program as such a parent, whoever hosts the tests.</summary>
    public static string[] Command(params string[] arguments) => [Path.Combine(AppContext.BaseDirectory, typeof(OtherParent).Assembly.GetName().Name!), Flag, .. arguments];

    public static async Task<int> RunAsync(string[] arguments)
    {
        switch (arguments)
        {
            // Starts children without end, until it is killed.
            case ["starts", var word, .. var child]:
                for (var started = 0; started < 10_000; started++)
                {
                    _ = ChildProcess.Start(Of(child));
                    if (started == 0) await Console.Out.WriteLineAsync(word);
                }

                return 1;

            // Starts one and waits to be killed.
            case ["holds", var word, var others, .. var child]:
                _ = ChildProcess.Start(Of(child) with { StartsOthers = others == "others" });
                await Console.Out.WriteLineAsync(word);
                await Task.Delay(TimeSpan.FromMinutes(2));
                return 1;

            // Says how it went in a file, since its own streams may be closed. Here they are for sure: the runtime opens what it does not find.
            case ["tells", var file, var streams, .. var child]:
                if (streams == "closed") LeakedDescriptors.CloseStreams();
                using (var secret = new ChildSecret("secret", 8, "secret\n"))
                {
                    try
                    {
                        var result = await ChildProcess.RunAsync(Of(child) with { Secrets = [secret], StandardInput = "told\n", AcceptedExitCodes = [0, 3] }, CancellationToken.None);
                        await File.WriteAllTextAsync(file, $"{result.ExitCode} {result.Output}");
                        return 0;
                    }
                    catch (SealiftException e)
                    {
                        await File.WriteAllTextAsync(file, e.Message);
                        return 1;
                    }
                }

            default:
                return 2;
        }
    }

    private static ChildCommand Of(string[] child) => new(child[0], child[1..]);
}
