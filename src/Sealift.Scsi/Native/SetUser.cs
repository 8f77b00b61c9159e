using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_initiator_username_pwd: for CHAP.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_initiator_username_pwd", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetUser(IscsiContext context, string user, string password);
}
