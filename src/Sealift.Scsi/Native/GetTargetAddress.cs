using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_get_target_address: where a login was sent on to; the text belongs to the session.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_get_target_address")]
    internal static partial nint GetTargetAddress(IscsiContext context);
}
