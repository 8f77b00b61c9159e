using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>One run of <c>sealift migrate</c> (or <c>resume</c>) with everything around it that it could leave traces in.</summary>
internal sealed class Attempt
{
    private Attempt(ChildResult result, string state, string target)
    {
        (Result, State, Target) = (result, state, target);
        Events = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
    }

    public ChildResult Result { get; }

    public string State { get; }

    public string Target { get; }

    public IReadOnlyList<JsonElement> Events { get; }

    public JsonElement Outcome => Events[^1].GetProperty("outcome");

    public string Verdict => Outcome.GetProperty("verdict").GetString()!.ToLowerInvariant();

    /// <summary>Everything that it said, for a failing assertion.</summary>
    public string Said => $"exit code {Result.ExitCode}\n{Result.Output}\n{Result.ErrorTail}";

    /// <summary>The error of the step that failed.</summary>
    public string Failure => Assert.Single(Events, e => Kind(e) == "step-failed").GetProperty("message").GetString()!;

    /// <summary>The predicate of the signed report, whatever the verdict.</summary>
    public JsonElement Predicate
    {
        get
        {
            using var envelope = JsonDocument.Parse(File.ReadAllText(Outcome.GetProperty("sealPath").GetString()!));
            using var statement = JsonDocument.Parse(envelope.RootElement.GetProperty("payload").GetBytesFromBase64());
            return statement.RootElement.GetProperty("predicate").Clone();
        }
    }

    public static string Kind(JsonElement happened) => happened.GetProperty("event").GetString()!;

    /// <summary>Runs it, and looks that the sources are as they were, that no process outlived it, and that nothing lies in the temporary directory.</summary>
    public static async Task<Attempt> RunAsync(Rig rig, string state, string target, string[] sources, string[] arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var cancel = TestContext.Current.CancellationToken;
        var temporary = rig.NewDirectory();
        var files = sources.Where(File.Exists).ToList();
        var before = files.Select(Digest.OfFile).ToList();
        var command = rig.Command(state, [.. arguments, "--json"]);
        var result = await ChildProcess.RunAsync(
            command with { Environment = new Dictionary<string, string?>(environment ?? new Dictionary<string, string?>()) { ["TMPDIR"] = temporary } }, cancel);

        var attempt = new Attempt(result, state, target);
        Assert.Equal(before, files.Select(Digest.OfFile));
        Assert.Empty(Directory.EnumerateFileSystemEntries(temporary));
        foreach (var left in ProcessesAbout(target, state)) Assert.Fail($"still running: {left}\n{attempt.Said}");
        Assert.Equal("migration-finished", Kind(attempt.Events[^1]));
        return attempt;
    }

    /// <summary>An error that a person can act on: code and subject in it, short, and without the insides of a program.</summary>
    public static void AssertReadable(string message, string code, string named)
    {
        Assert.StartsWith(code + ": cannot ", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", message, StringComparison.Ordinal);
        Assert.True(message.Length < 900 && message.Count(c => c == '\n') <= 1, message);
        Assert.True(message.Contains('.', StringComparison.Ordinal), $"no advice: {message}");
    }

    /// <summary>Command lines of the processes that have a path in one of these directories in them.</summary>
    public static IEnumerable<string> ProcessesAbout(params string[] directories)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => Path.GetFileName(p).All(char.IsAsciiDigit)))
        {
            string line;
            try
            {
                line = File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }

            if (directories.Any(d => line.Contains(d + "/", StringComparison.Ordinal))) yield return line;
        }
    }
}
