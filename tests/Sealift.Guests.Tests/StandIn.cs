using Sealift.Posix;

namespace Sealift.Guests.Tests;

/// <summary>A script that comes first in PATH in place of a tool. The environment is the process's, so that nothing runs beside it.</summary>
[CollectionDefinition(nameof(StandIn), DisableParallelization = true)]
public sealed class StandIn
{
    private StandIn()
    {
    }

    /// <summary>Does something while it is there.</summary>
    public static async Task<T> InPlaceOfAsync<T>(TemporaryDirectory directory, string tool, string script, Func<Task<T>> act)
    {
        // Checkers are run by a user who owns nothing: it must be allowed to get there.
        PosixPath.SetPermissions(directory.Path, 0x1ED /* 0755 */);
        var bin = Directory.CreateDirectory(directory.File("bin")).FullName;
        await File.WriteAllTextAsync(Path.Combine(bin, tool), "#!/bin/sh\n" + script + "\n");
        PosixPath.SetPermissions(Path.Combine(bin, tool), 0x1ED /* 0755 */);
        var path = Environment.GetEnvironmentVariable("PATH");
        Environment.SetEnvironmentVariable("PATH", $"{bin}:{path}");
        try
        {
            return await act();
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }
}
