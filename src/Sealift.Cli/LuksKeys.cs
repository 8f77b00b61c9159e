using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Sealift.Guests.Luks;

namespace Sealift.Cli;

/// <summary>The keys of encrypted volumes on a command line: from files, or asked for on the terminal. A key itself is never an argument, which everybody on the host can read.</summary>
internal static class LuksKeys
{
    /// <summary>The option, of each command that looks into disks.</summary>
    public static Option<string[]> Option() => new("--luks-key")
    {
        Description = "Open the encrypted volume with this UUID, or all of them, with the passphrase in the first line of a file; without a file it is asked for. May be repeated.",
        HelpName = "UUID|all[=file:PATH]",
    };

    /// <summary>What a command line says.</summary>
    public static IReadOnlyList<VolumeKeySource> Sources(ParseResult parsed, Option<string[]> option) => [.. (parsed.GetValue(option) ?? []).Select(VolumeKeySource.Parse)];

    /// <summary>Reads the files, and asks for the rest.</summary>
    /// <exception cref="Posix.SealiftException">A file cannot be used (SL5011), or there is no terminal to ask on (SL8007).</exception>
    public static IReadOnlyList<VolumeKey> Read(IReadOnlyList<VolumeKeySource> sources)
    {
        var keys = sources.Select(s => s.Path is { } path ? VolumeKey.Read(s.Selector, path) : Ask(s.Selector)).ToList();
        foreach (var key in keys.Where(k => k.Remark.Length > 0)) Console.Error.WriteLine($"warning: {ErrorReport.Printable(key.Remark)}");
        return keys;
    }

    private static VolumeKey Ask(string selector)
    {
        if (Console.IsInputRedirected) throw CliErrors.NoTerminal(selector);
        var typed = GC.AllocateArray<char>(HiddenLine.LimitCharacters, pinned: true);
        var bytes = GC.AllocateArray<byte>(Encoding.UTF8.GetMaxByteCount(HiddenLine.LimitCharacters), pinned: true);
        try
        {
            var length = HiddenLine.Read(selector == VolumeKey.AnyVolume ? "Passphrase of all encrypted volumes: " : $"Passphrase of the encrypted volume {selector}: ", typed);
            return new VolumeKey(selector, bytes.AsSpan(0, Encoding.UTF8.GetBytes(typed.AsSpan(0, length), bytes)));
        }
        finally
        {
            Array.Clear(typed);
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
