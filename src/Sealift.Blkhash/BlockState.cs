namespace Sealift.Blkhash;

/// <summary>What is known of a block.</summary>
public enum BlockState : byte
{
    /// <summary>Nothing yet.</summary>
    Unknown = 0,

    /// <summary>The source's own allocation map says that it reads as zeros; it was not read.</summary>
    Hole = 1,

    /// <summary>It was read, and every byte was zero.</summary>
    Zero = 2,

    /// <summary>It was read, and its digest is in the map.</summary>
    Data = 3,
}
