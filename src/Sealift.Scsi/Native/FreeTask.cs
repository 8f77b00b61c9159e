using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>scsi_free_scsi_task: with what was received. Not while it is in flight.</summary>
    [LibraryImport(Name, EntryPoint = "scsi_free_scsi_task")]
    internal static partial void FreeTask(nint task);
}
