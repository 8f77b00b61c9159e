using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>scsi_task_add_data_in_buffer: where what the unit sends is put, and no byte beyond it. The memory must stay where it is until the task has ended.</summary>
    [LibraryImport(Name, EntryPoint = "scsi_task_add_data_in_buffer")]
    internal static unsafe partial int AddDataInBuffer(nint task, int bytes, byte* buffer);
}
