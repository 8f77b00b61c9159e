namespace Sealift.Guests.Ntfs;

/// <summary>How the keys of an index are ordered.</summary>
internal static class Collation
{
    /// <summary>Names, without regard to case by the volume's own table.</summary>
    public const uint FileName = 1;

    /// <summary>One number of 32 bits.</summary>
    public const uint Number = 16;

    /// <summary>Security identifiers of Windows. Their order is not checked.</summary>
    public const uint Sid = 17;

    /// <summary>A hash and a security id.</summary>
    public const uint SecurityHash = 18;

    /// <summary>Numbers of 32 bits, one after the other.</summary>
    public const uint Numbers = 19;

    /// <summary>Whether there is such a rule.</summary>
    public static bool IsKnown(uint rule) => rule is <= 2 or (>= Number and <= Numbers);

    /// <summary>Whether one key comes before another. True where the rule says nothing or the table of upper case cannot be used.</summary>
    public static bool IsAscending(uint rule, ReadOnlySpan<byte> before, ReadOnlySpan<byte> key, UpCaseTable upCase)
    {
        switch (rule)
        {
            case FileName:
                return !upCase.IsSound || upCase.Compare(before[Ntfs.FileName.HeaderBytes..], key[Ntfs.FileName.HeaderBytes..]) < 0;
            case Number or SecurityHash or Numbers:
                for (var i = 0; i + 4 <= Math.Min(before.Length, key.Length); i += 4)
                {
                    var order = before.U32(i).CompareTo(key.U32(i));
                    if (order != 0) return order < 0;
                }

                return before.Length < key.Length;
            default:
                return true;
        }
    }
}
