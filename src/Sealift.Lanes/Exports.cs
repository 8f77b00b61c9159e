using System.Runtime.InteropServices;

namespace Sealift.Blkhash;

/// <summary>What the library offers; <c>Sealift.Blkhash/Native/SealiftLanes.cs</c> is the other side.</summary>
internal static unsafe class Exports
{
    /// <summary><see cref="Sha256Lanes.Hash"/></summary>
    [UnmanagedCallersOnly(EntryPoint = "sealift_sha256_lanes")]
    public static void Hash(byte** blocks, nint blockBytes, byte** digests) => Sha256Lanes.Hash(blocks, blockBytes, digests);
}
