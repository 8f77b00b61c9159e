using System.CommandLine;
using Sealift.Disks;

namespace Sealift.Cli;

/// <summary><c>--transfer</c> and <c>--no-fallback</c>: who copies a disk.</summary>
internal static class TransferOption
{
    public static readonly Option<string> Way = Restricted(new("--transfer")
    {
        Description = "Who copies the bytes: stream (this program), reflink (the file system shares blocks), copy-range (the file server), xcopy (the array, between two of its units over iSCSI), or auto, the fastest that can. Whoever it is, both sides are hashed.",
        HelpName = "WAY",
        DefaultValueFactory = _ => TransferPlan.Auto,
    });

    public static readonly Option<bool> NoFallback = new("--no-fallback") { Description = "Fail where storage that copies by itself declines in the middle, or did not copy what it said; by default stream does that part." };

    public static TransferPlan PlanOf(ParseResult parsed) => new(parsed.GetValue(Way)!, !parsed.GetValue(NoFallback));

    private static Option<string> Restricted(Option<string> way)
    {
        way.AcceptOnlyFromAmong([.. TransferPlan.Names]);
        return way;
    }
}
