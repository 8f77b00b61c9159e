using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary><c>struct sg_io_hdr</c>, version 3; scsi/sg.h. The gaps before the pointers are the compiler's.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct SgIoHeader
    {
        public int Interface;
        public int Direction;
        public byte CommandBytes;
        public byte MostSenseBytes;
        public ushort Vectors;
        public uint TransferBytes;
        public byte* Transfer;
        public byte* Command;
        public byte* Sense;
        public uint TimeoutMilliseconds;
        public uint Flags;
        public int PackId;
        public void* User;
        public byte Status;
        public byte MaskedStatus;
        public byte MessageStatus;
        public byte SenseBytes;
        public ushort HostStatus;
        public ushort DriverStatus;
        public int LeftBytes;
        public uint DurationMilliseconds;
        public uint Info;
    }
}
