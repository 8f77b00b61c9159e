using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_destroy_context: ends the session at once. Callbacks of what is in flight are called before it returns.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_destroy_context")]
    internal static partial int DestroyContext(nint context);
}
