using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_create_context: a session that is not connected yet; null where there is no memory.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_create_context", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial IscsiContext CreateContext(string initiatorName);
}
