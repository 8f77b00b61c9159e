namespace Sealift.Scsi.Native;

/// <summary>libiscsi (LGPL), loaded when the first of its functions is called: who uses no iSCSI does not need it.</summary>
/// <remarks>Its version 7 has the layouts that are read here (<see cref="ScsiTask"/>): iscsi.h and scsi-lowlevel.h of 1.15 and later.</remarks>
internal static partial class Libiscsi
{
    public const string Name = "libiscsi.so.7";

    public const int NormalSession = 2; // ISCSI_SESSION_NORMAL
    public const int DigestNoneOrCrc32c = 1; // ISCSI_HEADER_DIGEST_NONE_CRC32C

    public const int Redirected = 0x101; // SCSI_STATUS_REDIRECT
    public const int Cancelled = 0x0f000000; // SCSI_STATUS_CANCELLED
    public const int Error = 0x0f000001; // SCSI_STATUS_ERROR
    public const int TimedOut = 0x0f000002; // SCSI_STATUS_TIMEOUT
}
