using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>Passwords that lie elsewhere and are read each time that they are needed.</summary>
internal static class ReferredPassword
{
    /// <summary>The longest password, in bytes of UTF-8.</summary>
    public const int LimitBytes = 4096;

    private const int OthersMask = 0x7 /* 0007 */;

    /// <summary>Reads a password from where it is.</summary>
    /// <param name="provider">Whose it is, for errors.</param>
    /// <param name="place">Where it is; not in the store.</param>
    /// <exception cref="SealiftException">SL6508: it is not there, or is none; SL1001: it cannot be read.</exception>
    public static string Read(string provider, PasswordPlace place) => place.Kind switch
    {
        PasswordKind.File => FromFile(provider, place.Reference),
        PasswordKind.Environment => FromEnvironment(provider, place),
        PasswordKind.Keyring => FromKeyring(provider, place),
        _ => throw RegistryErrors.NoPassword(provider, place, "it has to be decrypted there"),
    };

    /// <summary>Whether a text can be a password: not empty, not endless, and one line.</summary>
    public static string Check(string provider, PasswordPlace place, string password) =>
        password.Length == 0 ? throw RegistryErrors.NoPassword(provider, place, "it is empty")
        : Encoding.UTF8.GetByteCount(password) > LimitBytes ? throw RegistryErrors.NoPassword(provider, place, $"it is longer than {LimitBytes} bytes")
        : password.Any(char.IsControl) ? throw RegistryErrors.NoPassword(provider, place, "it has characters that cannot be typed")
        : password;

    private static string FromEnvironment(string provider, PasswordPlace place)
    {
        ChildProcess.WithholdVariable(place.Reference);
        return Check(provider, place, Environment.GetEnvironmentVariable(place.Reference) ?? throw RegistryErrors.NoPassword(provider, place, "it is not set"));
    }

    private static string FromKeyring(string provider, PasswordPlace place)
    {
        var content = GC.AllocateArray<byte>(LimitBytes, pinned: true);
        try
        {
            var length = KernelKeyring.TryRead(place.Reference, content) ?? throw RegistryErrors.NoPassword(provider, place, "there is no such key of type 'user' in the keyring of this user (@u)");
            if (length > LimitBytes) throw RegistryErrors.NoPassword(provider, place, $"it is longer than {LimitBytes} bytes");
            var line = content.AsSpan(0, length);
            if (line.EndsWith("\n"u8)) line = line[..^1]; // as echo and heredocs leave it
            return Check(provider, place, Encoding.UTF8.GetString(line));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private static string FromFile(string provider, string path)
    {
        var place = new PasswordPlace(PasswordKind.File, path);
        // Looked at first: opening a pipe would wait for ever.
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw RegistryErrors.NoPassword(provider, place, "it is not a regular file");
        using var file = PosixFile.Open(path, OpenMode.Read);
        var facts = file.Facts();
        if (facts.Kind != FileKind.Regular || facts.LengthBytes > LimitBytes) throw RegistryErrors.NoPassword(provider, place, $"it is not a regular file of at most {LimitBytes} bytes");
        if ((facts.Permissions & OthersMask) != 0) throw RegistryErrors.Exposed(path, facts.Permissions, "600");
        var content = GC.AllocateArray<byte>((int)facts.LengthBytes, pinned: true);
        try
        {
            file.ReadExactlyAt(content, 0);
            var line = content.AsSpan();
            if (line.IndexOf((byte)'\n') is >= 0 and var end) line = line[..end];
            if (line.EndsWith("\r"u8)) line = line[..^1];
            return Check(provider, place, Encoding.UTF8.GetString(line));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }
}
