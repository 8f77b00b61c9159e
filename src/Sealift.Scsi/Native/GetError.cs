using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_get_error: the last error in words; the text belongs to the session.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_get_error")]
    internal static partial nint GetError(IscsiContext context);
}
