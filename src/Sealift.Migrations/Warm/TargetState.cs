using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>
/// The file of a copied disk as we left it. What was read back of it counts for as long as it stays so. The time of modification can be
/// set by anybody, that of the change of the inode by nobody.
/// </summary>
/// <param name="Device">The file system that holds it.</param>
/// <param name="Inode">Its inode number.</param>
/// <param name="BornNanoseconds">When it was created, in nanoseconds since 1970; 0 where the file system keeps none.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="ModifiedNanoseconds">When its content was changed last, in nanoseconds since 1970.</param>
/// <param name="ChangedNanoseconds">When its inode was, in nanoseconds since 1970.</param>
public sealed record TargetState(ulong Device, ulong Inode, long BornNanoseconds, long LengthBytes, long ModifiedNanoseconds, long ChangedNanoseconds)
{
    /// <summary>Measures it.</summary>
    /// <exception cref="PosixException">It is not there, or may not be looked at.</exception>
    public static TargetState Of(string path)
    {
        var facts = FileFacts.OfPath(path);
        // What the node of a device says is not of its content.
        if (facts.Kind == FileKind.BlockDevice) return new TargetState(facts.Device, facts.Inode, 0, facts.LengthBytes, 0, 0);
        return new TargetState(facts.Device, facts.Inode, facts.BornNanoseconds, facts.LengthBytes, facts.ModifiedNanoseconds, FileFacts.StatusChangedNanoseconds(path));
    }
}
