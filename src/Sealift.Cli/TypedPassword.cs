using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>A password that is typed on the terminal, or is the first line of standard input. It is never an argument, which everybody on the host can read.</summary>
internal static class TypedPassword
{
    private const int LimitBytes = 4096;

    /// <summary>Reads it.</summary>
    /// <param name="provider">Whose it is.</param>
    /// <param name="user">Who logs in by it.</param>
    /// <exception cref="SealiftException">SL8008: there is none.</exception>
    public static string Read(string provider, string user)
    {
        if (Console.IsInputRedirected) return FromStandardInput(provider);
        var typed = GC.AllocateArray<char>(HiddenLine.LimitCharacters, pinned: true);
        try
        {
            var length = HiddenLine.Read($"Password of {ErrorReport.Printable(user)}: ", typed);
            return length == 0 ? throw CliErrors.NoPassword(provider, "nothing was typed") : new string(typed, 0, length);
        }
        finally
        {
            Array.Clear(typed);
        }
    }

    private static string FromStandardInput(string provider)
    {
        var bytes = GC.AllocateArray<byte>(LimitBytes + 1, pinned: true);
        try
        {
            var (length, end) = (0, -1);
            using var input = PosixFile.StandardInput();
            while (end < 0 && length < bytes.Length && input.ReadNext(bytes.AsSpan(length)) is > 0 and var read)
            {
                length += read;
                end = bytes.AsSpan(0, length).IndexOf((byte)'\n');
            }

            var line = bytes.AsSpan(0, end < 0 ? length : end);
            if (line.EndsWith("\r"u8)) line = line[..^1];
            if (line.IsEmpty) throw CliErrors.NoPassword(provider, "there is no line, or an empty one");
            return line.Length > LimitBytes ? throw CliErrors.NoPassword(provider, $"the line is longer than {LimitBytes} bytes") : Encoding.UTF8.GetString(line);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
