namespace Sealift.Guests.Ntfs;

/// <summary>A bitmap as it is stored, the lowest number in the lowest bit of the first byte. What lies beyond it is not set.</summary>
internal sealed class BitTable(byte[] bytes)
{
    /// <summary>How many bits it has.</summary>
    public long Count => bytes.Length * 8L;

    /// <summary>Whether a bit is set.</summary>
    public bool this[long index] => index >= 0 && index / 8 < bytes.Length && (bytes[index / 8] & (1 << (int)(index & 7))) != 0;

    /// <summary>Sets a bit within it.</summary>
    /// <returns>Whether it was set before.</returns>
    public bool Set(long index)
    {
        var mask = (byte)(1 << (int)(index & 7));
        var before = (bytes[index / 8] & mask) != 0;
        bytes[index / 8] |= mask;
        return before;
    }
}
