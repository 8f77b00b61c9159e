using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_targetname</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_targetname", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetTargetName(IscsiContext context, string target);
}
