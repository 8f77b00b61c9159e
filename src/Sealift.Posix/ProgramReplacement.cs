using System.Collections;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>Another program in the place of this one: the same process, terminal, environment and standard streams, so that signals and the exit code need nobody in between.</summary>
public static class ProgramReplacement
{
    /// <summary>Becomes another program; execve(2). Does not return: what this process was doing ends, without its finally blocks.</summary>
    /// <param name="path">The program, as an absolute path.</param>
    /// <param name="arguments">Its arguments, without its name.</param>
    /// <exception cref="PosixException">It cannot be executed; this process goes on as it was.</exception>
    /// <exception cref="ArgumentException">An argument that cannot be handed over.</exception>
    public static unsafe void Execute(string path, IReadOnlyList<string> arguments)
    {
        var environment = new List<string>();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables()) environment.Add($"{variable.Key}={variable.Value}");
        using var file = new NativeStrings([path]);
        using var all = new NativeStrings([path, .. arguments]);
        using var variables = new NativeStrings(environment);
        if (Libc.Execve(file.Pointers[0], all.Pointers, variables.Pointers) != 0) throw PosixFile.Failed(SystemCalls.Execute.Name, path);
    }
}
