using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sealift.Blkhash;

/// <summary>
/// SHA-256 (FIPS 180-4) of sixteen equal blocks side by side: each step of the digest is made for all of them at once, one in each
/// 32-bit lane of the 512-bit registers of AVX-512. The digests are those of the sixteen blocks, as if each had been hashed alone.
/// </summary>
/// <remarks>
/// Compiled twice: here, for whoever runs compiled just in time, and in Sealift.Lanes, a library that the native command loads where
/// the processor has AVX-512, since code that is compiled ahead of time for every processor cannot have it.
/// </remarks>
internal static unsafe class Sha256Lanes
{
    /// <summary>The blocks that are hashed at once.</summary>
    public const int Count = 16;

    /// <summary>The length of a block is a multiple of this, in bytes: the digest's own block.</summary>
    public const int StepBytes = 64;

    /// <summary>The bytes of a digest.</summary>
    public const int DigestBytes = 32;

    private const int Words = 16;

    // FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    // FIPS 180-4, 5.3.3: the same of the square roots of the first 8.
    private static ReadOnlySpan<uint> Start => [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// <summary>Whether this code is compiled for a processor that has what it takes. Where it is not, nothing here may be called.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.IsSupported;

    /// <summary>Hashes sixteen blocks.</summary>
    /// <param name="blocks">Where each begins; they may overlap, and be the same.</param>
    /// <param name="blockBytes">The length of each: a multiple of <see cref="StepBytes"/>.</param>
    /// <param name="digests">Where each digest goes: <see cref="DigestBytes"/> bytes.</param>
    public static void Hash(byte** blocks, nint blockBytes, byte** digests)
    {
        var state = stackalloc Vector512<uint>[8];
        var words = stackalloc Vector512<uint>[Words];
        for (var i = 0; i < 8; i++) state[i] = Vector512.Create(Start[i]);
        for (nint at = 0; at < blockBytes; at += StepBytes)
        {
            Load(blocks, at, words);
            Compress(state, words);
        }

        // 5.1.1: a one, zeros, and the length in bits. It takes a whole step, the same in all lanes, since the blocks are whole steps.
        for (var i = 0; i < Words; i++) words[i] = Vector512<uint>.Zero;
        words[0] = Vector512.Create(0x80000000u);
        words[14] = Vector512.Create((uint)((ulong)blockBytes >> 29));
        words[15] = Vector512.Create((uint)((ulong)blockBytes << 3));
        Compress(state, words);
        for (var lane = 0; lane < Count; lane++)
            for (var i = 0; i < 8; i++) Unsafe.WriteUnaligned(digests[lane] + (i * sizeof(uint)), BinaryPrimitives.ReverseEndianness(((uint*)(state + i))[lane]));
    }

    /// <summary>The next sixteen words of each block: word i of all blocks in vector i. A transposition of a 16 by 16 matrix, by halves.</summary>
    private static void Load(byte** blocks, nint at, Vector512<uint>* words)
    {
        var bigEndian = Vector512.Create(Vector128.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
        for (var row = 0; row < Count; row += 4)
        {
            var r0 = Avx512BW.Shuffle(Vector512.Load(blocks[row] + at), bigEndian).AsUInt32();
            var r1 = Avx512BW.Shuffle(Vector512.Load(blocks[row + 1] + at), bigEndian).AsUInt32();
            var r2 = Avx512BW.Shuffle(Vector512.Load(blocks[row + 2] + at), bigEndian).AsUInt32();
            var r3 = Avx512BW.Shuffle(Vector512.Load(blocks[row + 3] + at), bigEndian).AsUInt32();
            var (low01, high01, low23, high23) = (Avx512F.UnpackLow(r0, r1).AsUInt64(), Avx512F.UnpackHigh(r0, r1).AsUInt64(), Avx512F.UnpackLow(r2, r3).AsUInt64(), Avx512F.UnpackHigh(r2, r3).AsUInt64());
            // In its four quarters: words 0, 4, 8 and 12 (1, 5, …) of these four rows.
            words[row] = Avx512F.UnpackLow(low01, low23).AsUInt32();
            words[row + 1] = Avx512F.UnpackHigh(low01, low23).AsUInt32();
            words[row + 2] = Avx512F.UnpackLow(high01, high23).AsUInt32();
            words[row + 3] = Avx512F.UnpackHigh(high01, high23).AsUInt32();
        }

        Quarters(words);
        Quarters(words + 1);
        Quarters(words + 2);
        Quarters(words + 3);
    }

    private static void Quarters(Vector512<uint>* words)
    {
        var (a, b, c, d) = (words[0], words[4], words[8], words[12]);
        var (ab, cd) = (Avx512F.Shuffle4x128(a, b, 0x44), Avx512F.Shuffle4x128(c, d, 0x44));
        words[0] = Avx512F.Shuffle4x128(ab, cd, 0x88);
        words[4] = Avx512F.Shuffle4x128(ab, cd, 0xDD);
        (ab, cd) = (Avx512F.Shuffle4x128(a, b, 0xEE), Avx512F.Shuffle4x128(c, d, 0xEE));
        words[8] = Avx512F.Shuffle4x128(ab, cd, 0x88);
        words[12] = Avx512F.Shuffle4x128(ab, cd, 0xDD);
    }

    /// <summary>6.2.2: 64 rounds. The first sixteen take the words as they are, each later one makes its own from four before it.</summary>
    private static void Compress(Vector512<uint>* state, Vector512<uint>* words)
    {
        var (a, b, c, d, e, f, g, h) = (state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]);
        var (w0, w1, w2, w3, w4, w5, w6, w7) = (words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]);
        var (w8, w9, w10, w11, w12, w13, w14, w15) = (words[8], words[9], words[10], words[11], words[12], words[13], words[14], words[15]);
        Vector512<uint> t;
        fixed (uint* constants = RoundConstants)
        {
            var k = constants;
            t = First(e, f, g, h, w0, k[0]); d += t; h = t + Second(a, b, c);
            t = First(d, e, f, g, w1, k[1]); c += t; g = t + Second(h, a, b);
            t = First(c, d, e, f, w2, k[2]); b += t; f = t + Second(g, h, a);
            t = First(b, c, d, e, w3, k[3]); a += t; e = t + Second(f, g, h);
            t = First(a, b, c, d, w4, k[4]); h += t; d = t + Second(e, f, g);
            t = First(h, a, b, c, w5, k[5]); g += t; c = t + Second(d, e, f);
            t = First(g, h, a, b, w6, k[6]); f += t; b = t + Second(c, d, e);
            t = First(f, g, h, a, w7, k[7]); e += t; a = t + Second(b, c, d);
            t = First(e, f, g, h, w8, k[8]); d += t; h = t + Second(a, b, c);
            t = First(d, e, f, g, w9, k[9]); c += t; g = t + Second(h, a, b);
            t = First(c, d, e, f, w10, k[10]); b += t; f = t + Second(g, h, a);
            t = First(b, c, d, e, w11, k[11]); a += t; e = t + Second(f, g, h);
            t = First(a, b, c, d, w12, k[12]); h += t; d = t + Second(e, f, g);
            t = First(h, a, b, c, w13, k[13]); g += t; c = t + Second(d, e, f);
            t = First(g, h, a, b, w14, k[14]); f += t; b = t + Second(c, d, e);
            t = First(f, g, h, a, w15, k[15]); e += t; a = t + Second(b, c, d);
            for (k += Words; k < constants + 64; k += Words)
            {
                w0 = Next(w0, w1, w9, w14); t = First(e, f, g, h, w0, k[0]); d += t; h = t + Second(a, b, c);
                w1 = Next(w1, w2, w10, w15); t = First(d, e, f, g, w1, k[1]); c += t; g = t + Second(h, a, b);
                w2 = Next(w2, w3, w11, w0); t = First(c, d, e, f, w2, k[2]); b += t; f = t + Second(g, h, a);
                w3 = Next(w3, w4, w12, w1); t = First(b, c, d, e, w3, k[3]); a += t; e = t + Second(f, g, h);
                w4 = Next(w4, w5, w13, w2); t = First(a, b, c, d, w4, k[4]); h += t; d = t + Second(e, f, g);
                w5 = Next(w5, w6, w14, w3); t = First(h, a, b, c, w5, k[5]); g += t; c = t + Second(d, e, f);
                w6 = Next(w6, w7, w15, w4); t = First(g, h, a, b, w6, k[6]); f += t; b = t + Second(c, d, e);
                w7 = Next(w7, w8, w0, w5); t = First(f, g, h, a, w7, k[7]); e += t; a = t + Second(b, c, d);
                w8 = Next(w8, w9, w1, w6); t = First(e, f, g, h, w8, k[8]); d += t; h = t + Second(a, b, c);
                w9 = Next(w9, w10, w2, w7); t = First(d, e, f, g, w9, k[9]); c += t; g = t + Second(h, a, b);
                w10 = Next(w10, w11, w3, w8); t = First(c, d, e, f, w10, k[10]); b += t; f = t + Second(g, h, a);
                w11 = Next(w11, w12, w4, w9); t = First(b, c, d, e, w11, k[11]); a += t; e = t + Second(f, g, h);
                w12 = Next(w12, w13, w5, w10); t = First(a, b, c, d, w12, k[12]); h += t; d = t + Second(e, f, g);
                w13 = Next(w13, w14, w6, w11); t = First(h, a, b, c, w13, k[13]); g += t; c = t + Second(d, e, f);
                w14 = Next(w14, w15, w7, w12); t = First(g, h, a, b, w14, k[14]); f += t; b = t + Second(c, d, e);
                w15 = Next(w15, w0, w8, w13); t = First(f, g, h, a, w15, k[15]); e += t; a = t + Second(b, c, d);
            }
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    /// <summary>T₁ = h + Σ₁(e) + Ch(e, f, g) + K + W.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> First(Vector512<uint> e, Vector512<uint> f, Vector512<uint> g, Vector512<uint> h, Vector512<uint> w, uint k) =>
        h + w + Vector512.Create(k) + Avx512F.TernaryLogic(e, f, g, Choice) + Odd(Avx512F.RotateRight(e, 6), Avx512F.RotateRight(e, 11), Avx512F.RotateRight(e, 25));

    /// <summary>T₂ = Σ₀(a) + Maj(a, b, c).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Second(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) =>
        Avx512F.TernaryLogic(a, b, c, Majority) + Odd(Avx512F.RotateRight(a, 2), Avx512F.RotateRight(a, 13), Avx512F.RotateRight(a, 22));

    /// <summary>W of a round from those of 16, 15, 7 and 2 rounds before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Next(Vector512<uint> w16, Vector512<uint> w15, Vector512<uint> w7, Vector512<uint> w2) =>
        w16 + w7
        + Odd(Avx512F.RotateRight(w15, 7), Avx512F.RotateRight(w15, 18), Avx512F.ShiftRightLogical(w15, 3))
        + Odd(Avx512F.RotateRight(w2, 17), Avx512F.RotateRight(w2, 19), Avx512F.ShiftRightLogical(w2, 10));

    // Truth tables of vpternlogd: bit (x << 2 | y << 1 | z) is the answer.
    private const byte Choice = 0xCA, Majority = 0xE8, Parity = 0x96;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Odd(Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) => Avx512F.TernaryLogic(x, y, z, Parity);
}
