using System.Runtime.InteropServices;
using System.Text;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>Keys of type <c>user</c> in the kernel's keyring of this user (keyrings(7), user-keyring(7)): secrets that are in no file, until the host is restarted.</summary>
public static class KernelKeyring
{
    private const nint Search = 10, Read = 11; // KEYCTL_SEARCH and KEYCTL_READ, linux/keyctl.h
    private const nint UserKeyring = -4; // KEY_SPEC_USER_KEYRING

    // asm/unistd.h
    private static nint Number => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 219 : 250;

    /// <summary>Reads a key; keyctl(2).</summary>
    /// <param name="description">What the key is called.</param>
    /// <param name="into">What it holds.</param>
    /// <returns>How many bytes it has, which may be more than fit: then nothing is in the buffer that can be used. Null where there is no such key.</returns>
    /// <exception cref="PosixException">The kernel refused.</exception>
    public static unsafe int? TryRead(string description, Span<byte> into)
    {
        var subject = $"the key '{description}' in the keyring of this user";
        if (description.Contains('\0', StringComparison.Ordinal)) throw new PosixException(SystemCalls.FindKey.Name, subject, Errno.EINVAL);
        nint key;
        fixed (byte* type = "user\0"u8, name = Encoding.UTF8.GetBytes(description + '\0')) key = Libc.Keyctl(Number, Search, UserKeyring, (nint)type, (nint)name, 0);
        if (key < 0)
        {
            _ = SystemCalls.FindKey.AnswerOrThrow(subject); // its one answer: there is none
            return null;
        }

        fixed (byte* buffer = into)
        {
            var length = Libc.Keyctl(Number, Read, key, (nint)buffer, into.Length, 0);
            return length >= 0 ? (int)length : throw PosixFile.Failed(SystemCalls.ReadKey.Name, subject);
        }
    }
}
