using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The errors of clones that an ESXi host makes: SL429x.</summary>
internal static class EsxiErrors
{
    public static SealiftException BadHost(string uri, string said) =>
        new("SL4291", "ask an ESXi host to copy", ImageErrors.Printable(uri), said, "Give it as --esxi ssh://USER@HOST[:PORT], with ?keyfile=/PATH for a key of its own");

    public static SealiftException BadDatastore(string text, string said) =>
        new("SL4292", "find a datastore of an ESXi host", ImageErrors.Printable(text), said, "Give it as --esxi-datastore LOCALDIR=/vmfs/volumes/NAME: the directory that it is mounted at here, and what ESXi calls it");

    public static SealiftException StillThere(MadeFile file, string why) =>
        new("SL4293", "go on while a clone of an earlier run may still be made", $"{file.There}.vmdk at {ImageErrors.Printable(file.Host)}", why, $"See on that host whether vmkfstools still runs (ps -c), and try again once it does not; where none runs and this is still said, remove {file.There}.pid there: it is of a host that was restarted");
}
