namespace Sealift.Posix.Tests;

/// <summary>What runs on this machine.</summary>
internal static class Processes
{
    /// <summary>A word that is in no other process's arguments.</summary>
    public static string NewMarker() => $"{Random.Shared.Next(1_000_000, 9_999_999)}{Environment.ProcessId:D7}";

    /// <summary>The processes whose arguments contain a word.</summary>
    public static List<int> With(string marker)
    {
        List<int> found = [];
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out var id) || id == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllText(Path.Combine(directory, "cmdline")).Contains(marker, StringComparison.Ordinal)) found.Add(id);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended between the listing and the read: it does not run.
            }
        }

        return found;
    }

    /// <summary>Whether a process executes a program by now, rather than what starts it.</summary>
    public static bool Executes(int id, string program) => File.ReadAllText($"/proc/{id}/cmdline").Split('\0')[0] == ChildProcess.Find(program);

    /// <summary>The session of a process; proc_pid_stat(5).</summary>
    public static int SessionOf(int id) => int.Parse(Stat(id)[3], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The processes of a session, without those that have ended.</summary>
    public static List<int> InSession(int session)
    {
        List<int> found = [];
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out var id)) continue;
            try
            {
                if (Stat(id) is [not "Z", ..] && SessionOf(id) == session) found.Add(id);
            }
            catch (IOException)
            {
                // It ended between the listing and the read.
            }
        }

        return found;
    }

    /// <summary>Waits until something is so, in 30 seconds at the most.</summary>
    public static async Task UntilAsync(Func<bool> reached, string otherwise)
    {
        for (var i = 0; i < 600; i++)
        {
            if (reached()) return;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.Fail(otherwise);
    }

    /// <summary>State, parent, group, session and so on: what follows the name, which may hold anything.</summary>
    private static string[] Stat(int id)
    {
        var line = File.ReadAllText($"/proc/{id}/stat");
        return line[(line.LastIndexOf(')') + 2)..].Split(' ');
    }
}
