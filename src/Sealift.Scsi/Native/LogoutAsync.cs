using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_logout_async</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_logout_async")]
    internal static unsafe partial int LogoutAsync(IscsiContext context, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint state);
}
