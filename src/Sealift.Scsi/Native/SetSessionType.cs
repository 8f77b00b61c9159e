using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_session_type</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_session_type")]
    internal static partial int SetSessionType(IscsiContext context, int type);
}
