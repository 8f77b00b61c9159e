using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>scsi_create_task; null where there is no memory.</summary>
    [LibraryImport(Name, EntryPoint = "scsi_create_task")]
    internal static unsafe partial nint CreateTask(int cdbBytes, byte* cdb, int direction, int expectedBytes);
}
