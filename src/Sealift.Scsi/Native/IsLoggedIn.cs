using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_is_logged_in</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_is_logged_in")]
    internal static partial int IsLoggedIn(IscsiContext context);
}
