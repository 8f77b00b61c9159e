using System.Runtime.InteropServices;

namespace Sealift.Blkhash.Native;

/// <summary>The library <c>libsealift-lanes.so</c> beside the native command: Sealift.Lanes.</summary>
internal static unsafe class SealiftLanes
{
    /// <summary>Where it is, if it is.</summary>
    public static string FileName { get; } = Path.Combine(AppContext.BaseDirectory, "libsealift-lanes.so");

    /// <summary>Loads it.</summary>
    /// <returns>Its <see cref="Sha256Lanes.Hash"/>, or null where there is no such file beside the command.</returns>
    /// <exception cref="Posix.SealiftException">There is one, and it cannot be loaded or is something else (SL2004).</exception>
    public static delegate* unmanaged<byte**, nint, byte**, void> Load()
    {
        if (!File.Exists(FileName)) return null;
        try
        {
            // Never unloaded: there is another runtime in it, with threads of its own.
            return (delegate* unmanaged<byte**, nint, byte**, void>)NativeLibrary.GetExport(NativeLibrary.Load(FileName), "sealift_sha256_lanes");
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw BlkhashErrors.LanesUnusable(FileName, e.Message, e);
        }
    }
}
