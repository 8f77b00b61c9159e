using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What a unit says went wrong; SPC-4, 4.5. Whatever bytes it sends, this is something: what is missing is 0 or null.</summary>
/// <param name="Key">The sense key: the kind of trouble.</param>
/// <param name="Asc">The additional sense code.</param>
/// <param name="Ascq">Its qualifier.</param>
/// <param name="Information">The INFORMATION field, where it says that it is valid: for most commands the first block that is concerned.</param>
/// <param name="CommandSpecific">The COMMAND-SPECIFIC INFORMATION field; null where there is none.</param>
public readonly record struct ScsiSense(byte Key, byte Asc, byte Ascq, ulong? Information, ulong? CommandSpecific)
{
    /// <summary>NOT READY.</summary>
    public const byte NotReady = 0x2;

    /// <summary>MEDIUM ERROR.</summary>
    public const byte MediumError = 0x3;

    /// <summary>HARDWARE ERROR.</summary>
    public const byte HardwareError = 0x4;

    /// <summary>ILLEGAL REQUEST: the unit does not know or want that command.</summary>
    public const byte IllegalRequest = 0x5;

    /// <summary>UNIT ATTENTION: something happened since the last command. The command itself was not carried out.</summary>
    public const byte UnitAttention = 0x6;

    /// <summary>DATA PROTECT: it may not be written, or there is no space.</summary>
    public const byte DataProtect = 0x7;

    /// <summary>COPY ABORTED.</summary>
    public const byte CopyAborted = 0xA;

    /// <summary>ABORTED COMMAND.</summary>
    public const byte AbortedCommand = 0xB;

    /// <summary>Whether it tells of an earlier command (SPC-4, deferred errors): the one that it came with was not carried out.</summary>
    public bool IsDeferred { get; init; }

    /// <summary>INVALID FIELD IN CDB: what a copy manager says of the identifier of a copy that it does not know; SPC-4, 6.24.</summary>
    internal bool KnowsNoSuchCopy => !IsDeferred && Key == IllegalRequest && Asc == 0x24;

    /// <summary>Reads sense data, of fixed (70h, 71h) or descriptor format (72h, 73h); bytes that are neither say nothing.</summary>
    public static ScsiSense Parse(ReadOnlySpan<byte> sense)
    {
        if (sense.IsEmpty) return default;
        switch (sense[0] & 0x7F)
        {
            case 0x70 or 0x71:
                var isValid = (sense[0] & 0x80) != 0;
                return new(
                    (byte)(sense.Length > 2 ? sense[2] & 0x0F : 0),
                    At(sense, 12),
                    At(sense, 13),
                    isValid && sense.Length >= 7 ? BinaryPrimitives.ReadUInt32BigEndian(sense[3..]) : null,
                    sense.Length >= 12 ? BinaryPrimitives.ReadUInt32BigEndian(sense[8..]) : null) { IsDeferred = (sense[0] & 0x7F) == 0x71 };
            case 0x72 or 0x73:
                ulong? information = null, specific = null;
                var end = Math.Min(sense.Length, 8 + At(sense, 7));
                for (var at = 8; at + 2 <= end; at += 2 + sense[at + 1])
                {
                    if (at + 12 > end) continue;
                    if (sense[at] == 0x00 && (sense[at + 2] & 0x80) != 0) information = BinaryPrimitives.ReadUInt64BigEndian(sense[(at + 4)..]);
                    if (sense[at] == 0x01) specific = BinaryPrimitives.ReadUInt64BigEndian(sense[(at + 4)..]);
                }

                return new((byte)(At(sense, 1) & 0x0F), At(sense, 2), At(sense, 3), information, specific) { IsDeferred = (sense[0] & 0x7F) == 0x73 };
            default:
                return default;
        }
    }

    /// <summary>Whether it is of an additional sense code, whatever its qualifier.</summary>
    public bool Is(byte key, byte asc) => Key == key && Asc == asc;

    /// <summary>Whether it is exactly that.</summary>
    public bool Is(byte key, byte asc, byte ascq) => Is(key, asc) && Ascq == ascq;

    /// <summary>Whether the unit does not know the command, or not in this form.</summary>
    public bool IsRefusal => !IsDeferred && Key == IllegalRequest && Asc is 0x20 or 0x24 or 0x26 or 0x25 or 0x1A;

    /// <summary>In plain words, with the numbers.</summary>
    public override string ToString()
    {
        var key = KeyName(Key);
        var code = ScsiSenseText.Of(Asc, Ascq);
        return $"{(IsDeferred ? "deferred: " : string.Empty)}{key}{(code is null ? string.Empty : $", {code}")} (sense {Key:x}/{Asc:x2}/{Ascq:x2})";
    }

    private static byte At(ReadOnlySpan<byte> sense, int index) => index < sense.Length ? sense[index] : (byte)0;

    private static string KeyName(byte key) => key switch
    {
        0x0 => "no sense data",
        0x1 => "recovered error",
        NotReady => "not ready",
        MediumError => "medium error",
        HardwareError => "hardware error",
        IllegalRequest => "illegal request",
        UnitAttention => "unit attention",
        DataProtect => "data protect",
        0x8 => "blank check",
        0x9 => "vendor specific",
        CopyAborted => "copy aborted",
        AbortedCommand => "command aborted",
        0xD => "volume overflow",
        0xE => "miscompare",
        0xF => "completed",
        _ => "reserved sense key",
    };
}
