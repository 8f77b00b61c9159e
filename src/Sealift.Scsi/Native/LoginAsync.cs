using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_login_async</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_login_async")]
    internal static unsafe partial int LoginAsync(IscsiContext context, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint state);
}
