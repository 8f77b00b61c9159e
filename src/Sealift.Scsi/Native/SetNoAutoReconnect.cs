using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libiscsi
{
    /// <summary>iscsi_set_noautoreconnect: a lost connection stays lost.</summary>
    [LibraryImport(Name, EntryPoint = "iscsi_set_noautoreconnect")]
    internal static partial void SetNoAutoReconnect(IscsiContext context, int state);
}
