using System.Numerics;
using System.Runtime.InteropServices;

namespace Sealift.Bench.Copies;

/// <summary>Bytes that look random and are the same for the same seed: xoshiro256** by Blackman and Vigna, seeded by SplitMix64.</summary>
internal static class RandomBytes
{
    private const int PhraseBytes = 64, Phrases = 8;

    /// <summary>Bytes that nothing compresses.</summary>
    public static void Fill(Span<byte> bytes, ulong seed)
    {
        var (a, b, c, d) = (Split(ref seed), Split(ref seed), Split(ref seed), Split(ref seed));
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            word = BitOperations.RotateLeft(b * 5, 7) * 9;
            var t = b << 17;
            (c, d) = (c ^ a, d ^ b);
            (b, a) = (b ^ c, a ^ d);
            c ^= t;
            d = BitOperations.RotateLeft(d, 45);
        }
    }

    /// <summary>Bytes that deflate makes half as long, as much of a used disk is: of each two phrases one is new, and one of eight that come again and again, near enough for the window of 4 KiB that qcow2 has.</summary>
    public static void FillHalf(Span<byte> bytes, ulong seed)
    {
        var phrases = new byte[Phrases * PhraseBytes];
        Fill(phrases, 1);
        Fill(bytes, seed);
        for (var at = 0; at + (2 * PhraseBytes) <= bytes.Length; at += 2 * PhraseBytes)
            phrases.AsSpan(bytes[at] % Phrases * PhraseBytes, PhraseBytes).CopyTo(bytes[(at + PhraseBytes)..]);
    }

    private static ulong Split(ref ulong seed)
    {
        var z = seed += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
