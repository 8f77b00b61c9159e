namespace Sealift.Bench.FileSystems;

/// <summary>A stretch of a disk that one structure of a file system uses: what is damaged, and not the slack beside it.</summary>
/// <param name="Structure">What people call it: <c>superblock</c>, <c>directory</c>.</param>
/// <param name="Disk">Which disk of the exhibit, from 0.</param>
/// <param name="Offset">Its first byte.</param>
/// <param name="LengthBytes">Its length in bytes, at least 1.</param>
public sealed record Place(string Structure, int Disk, long Offset, int LengthBytes)
{
    /// <summary>On the first disk.</summary>
    public Place(string structure, long offset, int lengthBytes)
        : this(structure, 0, offset, lengthBytes)
    {
    }
}
