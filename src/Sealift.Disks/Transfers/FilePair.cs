using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The two files of a copy that storage makes, open.</summary>
internal sealed class FilePair : IDisposable
{
    private FilePair(PosixFile source, PosixFile target) => (Source, Target) = (source, target);

    public PosixFile Source { get; }

    public PosixFile Target { get; }

    public static FilePair Open(TransferEnds ends)
    {
        var source = PosixFile.Open(ends.Source.Path!, OpenMode.Read);
        try
        {
            return new FilePair(source, PosixFile.Open(ends.Target.Path!, OpenMode.ReadWrite));
        }
        catch
        {
            source.Close();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            Target.Close();
        }
        finally
        {
            Source.Close();
        }
    }
}
