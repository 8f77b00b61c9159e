using System.Runtime.InteropServices;
using System.Text;

namespace Sealift.Posix;

/// <summary>Strings as execve(2) takes them: UTF-8, each ended by NUL, and pointers to them ended by a null pointer.</summary>
internal sealed unsafe class NativeStrings : IDisposable
{
    // A lone surrogate has no UTF-8; putting U+FFFD in its place would hand over another text.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private void* memory;

    /// <summary>Copies them.</summary>
    /// <exception cref="ArgumentException">One of them cannot be handed over, see <see cref="Problem"/>.</exception>
    public NativeStrings(IReadOnlyList<string> texts)
    {
        var bytes = texts.Select(t => Problem(t) is { } problem ? throw new ArgumentException(problem, nameof(texts)) : Strict.GetBytes(t)).ToList();
        memory = NativeMemory.AllocZeroed((nuint)(((texts.Count + 1L) * sizeof(nint)) + bytes.Sum(b => b.Length + 1L)));
        var at = (byte*)memory + ((texts.Count + 1) * sizeof(nint));
        for (var i = 0; i < bytes.Count; i++)
        {
            Pointers[i] = at;
            bytes[i].CopyTo(new Span<byte>(at, bytes[i].Length));
            at += bytes[i].Length + 1;
        }
    }

    /// <summary>The pointers; the last is null.</summary>
    public byte** Pointers => (byte**)memory;

    /// <summary>Why a text cannot be handed to a program as it is; null where it can.</summary>
    public static string? Problem(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) return "it has a NUL character in it, where a program would see its end";
        try
        {
            _ = Strict.GetByteCount(text);
            return null;
        }
        catch (EncoderFallbackException)
        {
            // The answer that was asked for.
            return "it has half a character in it (a lone surrogate), which UTF-8 cannot say";
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(memory);
        memory = null;
    }
}
