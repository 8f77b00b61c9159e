namespace Sealift.Posix;

/// <summary>One process's hold on what a locked file stands for; the kernel drops it when the process dies.</summary>
/// <param name="file">Locked by <see cref="PosixFile.TryLock"/>; nothing is written through it.</param>
public sealed class HeldLock(PosixFile file) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => file.LetGo();
}
