using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>A private directory for sockets and the like, gone when the command ends.</summary>
internal sealed class WorkDirectory : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("sealift-").FullName;

    /// <inheritdoc/>
    public void Dispose() => PosixTree.Remove(Path);
}
