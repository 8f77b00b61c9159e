using System.Security.Cryptography;

namespace Sealift.Posix;

/// <summary>A new directory below TMPDIR that nobody else may enter, for sockets and the like; its path is short, as a socket's must be (107 bytes, unix(7)).</summary>
public static class PrivateDirectory
{
    private const int OwnerOnly = 0x1C0; // 0700

    /// <summary>Makes one: <c>sealift-</c> and six random characters.</summary>
    /// <exception cref="PosixException">The directory for temporary files does not exist, is full, or may not be written to.</exception>
    public static string Create()
    {
        var parent = System.IO.Path.GetTempPath();
        for (var attempt = 0; ; attempt++)
        {
            var path = System.IO.Path.Combine(parent, $"sealift-{RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 6)}");
            try
            {
                PosixPath.CreateDirectory(path, OwnerOnly);
                return path;
            }
            catch (PosixException e) when (e.Errno == Errno.EEXIST && attempt < 100)
            {
                // Two thousand million names: the next one is free.
            }
        }
    }
}
