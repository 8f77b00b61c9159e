using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_connect_async. The callback is called once more when the connection is lost.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_connect_async", StringMarshalling = StringMarshalling.Utf8)]
    internal static unsafe partial int ConnectAsync(IscsiContext context, string portal, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint state);
}
