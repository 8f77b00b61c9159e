using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>Files and directories that nobody but their owner may read or change.</summary>
internal static class OwnerOnly
{
    private const int DirectoryMode = 0x1C0 /* 0700 */, FileMode = 0x180 /* 0600 */, OthersMask = 0x3F /* 0077 */;

    /// <summary>Makes a directory where there is none.</summary>
    /// <exception cref="SealiftException">SL6504: others can reach it.</exception>
    public static void EnsureDirectory(string path)
    {
        PosixPath.EnsureDirectory(path, DirectoryMode);
        CheckDirectory(path);
    }

    /// <summary>Refuses a directory that others can reach: who can put files into it decides what is read.</summary>
    public static void CheckDirectory(string path)
    {
        var facts = FileFacts.OfPath(path, followLinks: false);
        if ((facts.Permissions & OthersMask) != 0) throw RegistryErrors.Exposed(path, facts.Permissions, "700");
        CheckOwner(path, facts);
    }

    /// <summary>What belongs to somebody else, they can change whatever its mode is. The system's own is as good as ours.</summary>
    private static void CheckOwner(string path, FileFacts facts)
    {
        if (facts.Owner != 0 && facts.Owner != FileFacts.OfPath("/proc/self").Owner) throw RegistryErrors.OfAnother(path, facts.Owner);
    }

    /// <summary>Writes a file that is not there yet, durably.</summary>
    /// <returns>False where it is there.</returns>
    public static bool TryWriteNew(string path, ReadOnlySpan<byte> content)
    {
        try
        {
            PosixPath.WriteFileDurably(path, content, replace: false, FileMode);
            return true;
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return false; // this is the answer
        }
    }

    /// <summary>Reads a file within a limit, through the descriptor that was checked.</summary>
    /// <returns>All of it; null where it is no regular file, or longer.</returns>
    /// <exception cref="SealiftException">SL6504: others can read or change it.</exception>
    public static byte[]? Read(string path, int limitBytes)
    {
        // Looked at first: opening a pipe would wait for ever.
        if (FileFacts.OfPath(path, followLinks: false).Kind != FileKind.Regular) return null;
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow);
        var facts = file.Facts();
        if (facts.Kind != FileKind.Regular) return null;
        if ((facts.Permissions & OthersMask) != 0) throw RegistryErrors.Exposed(path, facts.Permissions, "600");
        CheckOwner(path, facts);
        if (facts.LengthBytes > limitBytes) return null;
        var content = GC.AllocateArray<byte>((int)facts.LengthBytes, pinned: true); // it may be a key, of which the collector shall leave no copies
        file.ReadExactlyAt(content, 0);
        return content;
    }
}
