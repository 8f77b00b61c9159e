using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_header_digest</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_header_digest")]
    internal static partial int SetHeaderDigest(IscsiContext context, int digest);
}
