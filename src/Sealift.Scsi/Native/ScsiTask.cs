using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

/// <summary>The front of <c>struct scsi_task</c>, as far as it is read; scsi-lowlevel.h, on a 64-bit machine.</summary>
[StructLayout(LayoutKind.Explicit)]
internal struct ScsiTask
{
    public const int None = 0; // SCSI_XFER_NONE
    public const int Read = 1; // SCSI_XFER_READ
    public const int Write = 2; // SCSI_XFER_WRITE

    /// <summary><c>datain.size</c>: bytes that were received; with a CHECK CONDITION the sense data, behind two bytes with their length.</summary>
    [FieldOffset(64)]
    public int ReceivedBytes;

    /// <summary><c>datain.data</c></summary>
    [FieldOffset(72)]
    public nint Received;
}

/// <summary><c>struct iscsi_data</c>; iscsi.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IscsiData
{
    public nuint Bytes;
    public byte* Data;
}
