using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_get_fd: the socket to be polled; negative where there is none.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_get_fd")]
    internal static partial int GetFd(IscsiContext context);
}
