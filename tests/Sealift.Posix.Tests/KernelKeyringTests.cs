using System.Runtime.InteropServices;
using System.Text;

namespace Sealift.Posix.Tests;

/// <summary>Keys of the kernel, put there by add_key(2) and taken away again.</summary>
public sealed partial class KernelKeyringTests
{
    private const nint UserKeyring = -4;

    [Fact]
    public void A_key_is_read_whole_or_said_to_be_longer_and_one_that_is_not_there_is_none()
    {
        var description = $"sealift-test-{Guid.NewGuid():N} ü";
        Assert.Null(KernelKeyring.TryRead(description, new byte[100]));
        var (type, name, payload) = (Encoding.UTF8.GetBytes("user\0"), Encoding.UTF8.GetBytes(description + "\0"), Encoding.UTF8.GetBytes("planted wörd"));
        var key = AddKey(Number(248, 217), type, name, payload, payload.Length, UserKeyring);
        Assert.True(key > 0, $"add_key: errno {Marshal.GetLastPInvokeError()}");
        try
        {
            var buffer = new byte[100];
            Assert.Equal(payload.Length, KernelKeyring.TryRead(description, buffer));
            Assert.Equal(payload, buffer[..payload.Length]);
            Assert.Equal(payload.Length, KernelKeyring.TryRead(description, buffer.AsSpan(0, 3))); // it says so, and the caller looks
            Assert.Null(KernelKeyring.TryRead(description + "x", buffer));
            Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => KernelKeyring.TryRead("a\0b", buffer)).Errno);
        }
        finally
        {
            Assert.Equal(0, Unlink(Number(250, 219), 9, key, UserKeyring)); // KEYCTL_UNLINK
        }

        Assert.Null(KernelKeyring.TryRead(description, new byte[100]));
    }

    [Fact]
    public void A_description_that_no_key_can_have_is_an_error_and_not_a_key_that_is_missing() =>
        Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => KernelKeyring.TryRead(new string('x', 8192), new byte[1])).Errno);

    private static nint Number(int intel, int arm) => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? arm : intel;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint AddKey(nint number, byte[] type, byte[] description, byte[] payload, nint length, nint keyring);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Unlink(nint number, nint operation, nint key, nint keyring);
}
