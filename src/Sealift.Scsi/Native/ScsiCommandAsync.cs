using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_scsi_command_async. Task and data must stay where they are until the callback was called.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_scsi_command_async")]
    internal static unsafe partial int ScsiCommandAsync(IscsiContext context, int lun, nint task, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, IscsiData* data, nint state);
}
