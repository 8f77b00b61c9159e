using System.CommandLine;
using Sealift.Disks;

namespace Sealift.Cli;

/// <summary><c>--transfer</c> and <c>--no-fallback</c>: who copies a disk.</summary>
internal static class TransferOption
{
    public static readonly Option<string> Way = Restricted(new("--transfer")
    {
        Description = "Who copies the bytes: stream (this program), reflink (the file system shares blocks), copy-range (the file server), xcopy (the array, between two of its units over iSCSI), esxi-clone (the ESXi host that --esxi names), or auto, the fastest that can. Whoever it is, both sides are hashed.",
        HelpName = "WAY",
        DefaultValueFactory = _ => TransferPlan.Auto,
    });

    public static readonly Option<bool> NoFallback = new("--no-fallback") { Description = "Fail where storage that copies by itself declines in the middle, or did not copy what it said; by default stream does that part." };

    public static readonly Option<string?> Esxi = new("--esxi") { Description = "An ESXi host that may clone VMDKs by itself: ssh://USER@HOST[:PORT], with ?keyfile=/PATH for a key of its own.", HelpName = "URI" };

    public static readonly Option<string[]> Datastore = new("--esxi-datastore") { Description = "A datastore that is mounted here: LOCALDIR=/vmfs/volumes/NAME. May be repeated.", HelpName = "DIR=DATASTORE" };

    public static TransferPlan PlanOf(ParseResult parsed)
    {
        var datastores = parsed.GetValue(Datastore) ?? [];
        if (parsed.GetValue(Esxi) is not { } host)
            return datastores.Length == 0 ? new TransferPlan(parsed.GetValue(Way)!, !parsed.GetValue(NoFallback)) : throw CliErrors.BadValue("--esxi-datastore", datastores[0], "--esxi beside it, for the host that has it");
        return new TransferPlan(parsed.GetValue(Way)!, !parsed.GetValue(NoFallback)) { Esxi = EsxiHost.Parse(host, datastores) };
    }

    private static Option<string> Restricted(Option<string> way)
    {
        way.AcceptOnlyFromAmong([.. TransferPlan.Names]);
        return way;
    }
}
