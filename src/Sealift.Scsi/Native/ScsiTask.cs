using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

/// <summary>The front of <c>struct scsi_task</c>, as far as it is read; scsi-lowlevel.h, on a 64-bit machine.</summary>
[StructLayout(LayoutKind.Explicit)]
internal struct ScsiTask
{
    public const int None = 0; // SCSI_XFER_NONE
    public const int Read = 1; // SCSI_XFER_READ
    public const int Write = 2; // SCSI_XFER_WRITE

    public const int Underflow = 1; // SCSI_RESIDUAL_UNDERFLOW

    /// <summary><c>residual_status</c>: whether the target says that it sent less, or had more to send.</summary>
    [FieldOffset(32)]
    public int ResidualStatus;

    /// <summary><c>residual</c>: by how many bytes.</summary>
    [FieldOffset(40)]
    public nuint Residual;

    /// <summary><c>datain.size</c>: with a CHECK CONDITION the length of the sense data, behind two bytes with their length. What else is received goes to the task's buffer.</summary>
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
