using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_reconnect_max_retries</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_reconnect_max_retries")]
    internal static partial void SetReconnectMaxRetries(IscsiContext context, int count);
}
