using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Sealift.Blkhash.Native;

namespace Sealift.Blkhash;

/// <summary>
/// Sixteen SHA-256 digests at once where this machine can make them: by <see cref="Sha256Lanes"/> as it is compiled here, or as it
/// is compiled in the library of the native command. Decided once, and tried against the framework's digest before it is believed.
/// </summary>
internal static unsafe class BlockLanes
{
    // What it throws, it throws each time.
    private static readonly Lazy<bool> Usable = new(Prepare);
    private static delegate* unmanaged<byte**, nint, byte**, void> library;

    /// <summary>Whether there are lanes.</summary>
    /// <exception cref="Posix.SealiftException">They are broken (SL2004).</exception>
    public static bool IsSupported => Usable.Value;

    /// <summary><see cref="Sha256Lanes.Hash"/></summary>
    public static void Hash(byte** blocks, nint blockBytes, byte** digests)
    {
        if (Sha256Lanes.IsSupported) Sha256Lanes.Hash(blocks, blockBytes, digests);
        else library(blocks, blockBytes, digests);
    }

    private static bool Prepare()
    {
        if (!Sha256Lanes.IsSupported)
        {
            if (HasAvx512()) library = SealiftLanes.Load();
            if (library == null) return false;
        }

        ThrowUnlessSound();
        return true;
    }

    /// <summary>
    /// Whether the processor has what the library is compiled for (x86-64-v4), and the kernel lets programs use it. The first alone is
    /// not enough, since the registers need the kernel's help; nor is the second, which an emulator passes on from its host.
    /// </summary>
    private static bool HasAvx512()
    {
        // CPUID leaf 7, EBX: AVX-512 F, DQ, CD, BW, VL (Intel SDM, volume 2A, table 3-8). The older parts of v4 go with them.
        const int Needed = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31;
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7 || (X86Base.CpuId(7, 0).Ebx & Needed) != Needed) return false;
        using var reader = new StreamReader("/proc/cpuinfo");
        for (var line = 0; line < 200 && reader.ReadLine() is { } text; line++)
            if (text.StartsWith("flags", StringComparison.Ordinal)) return text.Split(' ').Contains("avx512f");
        return false;
    }

    /// <summary>Sixteen different blocks of two steps, against the framework.</summary>
    private static void ThrowUnlessSound()
    {
        const int BlockBytes = 2 * Sha256Lanes.StepBytes;
        Span<byte> bytes = stackalloc byte[Sha256Lanes.Count * BlockBytes], made = stackalloc byte[Sha256Lanes.Count * Sha256Lanes.DigestBytes], expected = stackalloc byte[Sha256Lanes.DigestBytes];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * 167 >> 3);
        byte** blocks = stackalloc byte*[Sha256Lanes.Count], digests = stackalloc byte*[Sha256Lanes.Count];
        fixed (byte* from = bytes, to = made)
        {
            for (var i = 0; i < Sha256Lanes.Count; i++)
            {
                blocks[i] = from + (i * BlockBytes);
                digests[i] = to + (i * Sha256Lanes.DigestBytes);
            }

            Hash(blocks, BlockBytes, digests);
        }

        for (var i = 0; i < Sha256Lanes.Count; i++)
        {
            if (SHA256.HashData(bytes.Slice(i * BlockBytes, BlockBytes), expected) != expected.Length || !expected.SequenceEqual(made.Slice(i * Sha256Lanes.DigestBytes, Sha256Lanes.DigestBytes)))
                throw BlkhashErrors.LanesUnusable(library == null ? "this processor" : SealiftLanes.FileName, "a block that was hashed for a trial has another digest than the framework says");
        }
    }
}
