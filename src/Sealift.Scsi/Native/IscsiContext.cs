using Microsoft.Win32.SafeHandles;

namespace Sealift.Scsi.Native;

/// <summary>A session of libiscsi. It is not safe for several threads.</summary>
internal sealed class IscsiContext() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    protected override bool ReleaseHandle() => Libiscsi.DestroyContext(handle) == 0;
}
