using System.CommandLine;

namespace Sealift.Server;

/// <summary>What the command line asks for.</summary>
internal static class ServeCommand
{
    /// <summary>Serves until SIGTERM or Ctrl-C.</summary>
    public static async Task<int> RunAsync(ServeCommandLine line, ParseResult parsed, string? state, bool json, CancellationToken cancel)
    {
        var options = ServerSettings.Read(line, parsed, StateDirectory(state));
        await using var server = await RunningServer.StartAsync(options, new ServerParts(), cancel);
        Say(json, server);
        await server.WaitAsync(cancel);
        return 0;
    }

    /// <summary>Adds, lists, changes or removes users.</summary>
    public static Task<int> UserAsync(string verb, ServeCommandLine line, ParseResult parsed, string? state, bool json, CancellationToken cancel) => throw new NotSupportedException($"{verb} {line} {parsed} {state} {json} {cancel}");

    /// <summary>The state directory; as the command finds it.</summary>
    internal static string StateDirectory(string? given)
    {
        if (given is { Length: > 0 }) return Path.GetFullPath(given);
        if (Environment.GetEnvironmentVariable("SEALIFT_STATE") is { Length: > 0 } fromEnvironment) return Path.GetFullPath(fromEnvironment);
        var stateHome = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { } xdg && Path.IsPathRooted(xdg)
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(stateHome, "sealift");
    }

    private static void Say(bool json, RunningServer server)
    {
        if (json) Console.Out.WriteLine($"{{\"event\":\"serving\",\"address\":\"{server.Address}\"}}");
        else Console.Out.WriteLine($"sealift: serving at {server.Address}");
    }
}
