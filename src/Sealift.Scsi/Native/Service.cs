using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_service: does what there is to do, without waiting. Negative where the session is dead.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_service")]
    internal static partial int Service(IscsiContext context, int events);
}
