namespace Sealift.Nbd;

/// <summary>How zeros are written (NBD protocol, NBD_CMD_WRITE_ZEROES).</summary>
[Flags]
public enum NbdZeroes
{
    /// <summary>The server may make a hole.</summary>
    None = 0,

    /// <summary>The space must stay allocated.</summary>
    NoHole = 1,

    /// <summary>Fail with ENOTSUP at once unless it is faster than writing zeros; needs <see cref="NbdClient.CanFastZero"/>.</summary>
    FastZero = 2,

    /// <summary>On stable storage before the reply; needs <see cref="NbdClient.CanFua"/> or <see cref="NbdClient.CanFlush"/>.</summary>
    ForceUnitAccess = 4,
}
