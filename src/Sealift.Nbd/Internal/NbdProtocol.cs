namespace Sealift.Nbd;

/// <summary>The numbers of the NBD protocol (doc/proto.md of the NBD project), under their own names.</summary>
internal static class NbdProtocol
{
    public const ulong InitMagic = 0x4e42444d41474943; // "NBDMAGIC"
    public const ulong OptionMagic = 0x49484156454F5054; // "IHAVEOPT"
    public const ulong OldstyleMagic = 0x00420281861253;
    public const ulong OptionReplyMagic = 0x0003e889045565a9;
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint StructuredReplyMagic = 0x668e33ef;

    public const ushort FlagFixedNewstyle = 1;
    public const ushort FlagNoZeroes = 2;

    public const uint OptExportName = 1;
    public const uint OptStartTls = 5;
    public const uint OptGo = 7;
    public const uint OptStructuredReply = 8;
    public const uint OptSetMetaContext = 10;

    public const uint RepAck = 1;
    public const uint RepInfo = 3;
    public const uint RepMetaContext = 4;
    public const uint RepErrorBit = 1u << 31;
    public const uint RepErrUnsup = RepErrorBit | 1;
    public const uint RepErrPolicy = RepErrorBit | 2;
    public const uint RepErrInvalid = RepErrorBit | 3;
    public const uint RepErrPlatform = RepErrorBit | 4;
    public const uint RepErrTlsRequired = RepErrorBit | 5;
    public const uint RepErrUnknown = RepErrorBit | 6;
    public const uint RepErrShutdown = RepErrorBit | 7;
    public const uint RepErrBlockSizeRequired = RepErrorBit | 8;
    public const uint RepErrTooBig = RepErrorBit | 9;

    public const ushort InfoExport = 0;
    public const ushort InfoBlockSize = 3;

    public const ushort ReplyFlagDone = 1;
    public const ushort ReplyNone = 0;
    public const ushort ReplyOffsetData = 1;
    public const ushort ReplyOffsetHole = 2;
    public const ushort ReplyBlockStatus = 5;
    public const ushort ReplyErrorBit = 1 << 15;
    public const ushort ReplyErrorOffset = ReplyErrorBit | 2;

    public const int RequestBytes = 28;
    public const int SimpleReplyBytes = 16;
    public const int StructuredReplyBytes = 20;

    // "Strings: at most 4096 bytes" (proto.md, "Values").
    public const int MaxStringBytes = 4096;
}

/// <summary>NBD_CMD_*.</summary>
internal enum NbdCommand : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    WriteZeroes = 6,
    BlockStatus = 7,
}

/// <summary>NBD_CMD_FLAG_*.</summary>
[Flags]
internal enum NbdCommandFlags : ushort
{
    None = 0,
    ForceUnitAccess = 1,
    NoHole = 2,
    FastZero = 16,
}

/// <summary>The transmission flags that a server sends with an export.</summary>
[Flags]
internal enum NbdExportFlags : ushort
{
    HasFlags = 1 << 0,
    ReadOnly = 1 << 1,
    SendFlush = 1 << 2,
    SendFua = 1 << 3,
    SendTrim = 1 << 5,
    SendWriteZeroes = 1 << 6,
    CanMultiConnection = 1 << 8,
    SendFastZero = 1 << 11,
}
