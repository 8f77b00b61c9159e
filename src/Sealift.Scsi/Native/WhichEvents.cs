using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_which_events: what to poll for.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_which_events")]
    internal static partial int WhichEvents(IscsiContext context);
}
