using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Plans.Running;

/// <summary>Reads the keys of encrypted volumes that plans name, from files that nobody else may read. A plan has the path of a file, never a key.</summary>
internal static class PlanKeys
{
    private const int OthersBits = 0x3F; // of the group and of everybody

    /// <summary>The key of a file.</summary>
    /// <param name="source">The volume, and the file.</param>
    /// <exception cref="SealiftException">SL7665: there is no file; SL7666: others may read it; SL5011: it holds no key; SL1xxx: it cannot be read.</exception>
    public static VolumeKey Read(VolumeKeySource source)
    {
        if (Fault(source) is { } fault) throw fault;
        return VolumeKey.Read(source.Selector, source.Path!);
    }

    /// <summary>Why the file of a key cannot be used, as far as can be seen without opening it; null where it can.</summary>
    public static SealiftException? Fault(VolumeKeySource source)
    {
        if (source.Path is not { } path) return PlanErrors.KeyWithoutFile(source.Selector);
        FileFacts facts;
        try
        {
            facts = FileFacts.OfPath(path);
        }
        catch (PosixException e)
        {
            return e;
        }

        if (facts.Kind != FileKind.Regular) return PlanErrors.KeyForOthers(path, "it is no regular file");
        if (facts.Owner != 0 && facts.Owner != FileFacts.OfPath("/proc/self").Owner) return PlanErrors.KeyForOthers(path, "it belongs to another user, who may change it");
        return (facts.Permissions & OthersBits) == 0 ? null : PlanErrors.KeyForOthers(path, $"its mode is {Convert.ToString(facts.Permissions & 0x1FF, 8).PadLeft(4, '0')}, so that others may read it");
    }
}
