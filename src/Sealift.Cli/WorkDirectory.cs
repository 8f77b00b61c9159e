using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>A private directory for sockets and the like, gone when the command ends.</summary>
internal sealed class WorkDirectory : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = PrivateDirectory.Create();

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            PosixTree.Remove(Path);
        }
        catch (PosixException e)
        {
            // Nothing of value is in it, and no verdict depends on it: told, so that somebody removes it.
            Console.Error.WriteLine($"sealift: note: {Path} was left behind: {ErrorReport.Printable(e.Message)}");
        }
    }
}
