using System.Globalization;
using Sealift.Posix;

namespace Sealift.Plans.Store;

/// <summary>Errors of what plans are kept in; SL762x.</summary>
internal static class PlanStoreErrors
{
    public static SealiftException Damaged(string place, string said, Exception? inner = null) =>
        new("SL7620", "use the database of plans", place, said.TrimEnd('.'), "Nothing was deleted. Restore it from a backup, or move it away and apply the documents anew; machines that were handed over, and the journal of migrations, are not affected", inner);

    public static SealiftException TooNew(string place, string set, long version, int known) =>
        new("SL7621", "use the database of plans", place, string.Create(CultureInfo.InvariantCulture, $"its tables of {set} have version {version}, and this Sealift knows {known}"), "Use the newer Sealift that made it");

    public static SealiftException Failed(string place, Exception inner) =>
        new("SL7622", "use the database of plans", place, inner.Message.TrimEnd('.').ReplaceLineEndings(" "), "Check that it can be reached, its space and its permissions, and try again", inner);

    public static SealiftException Changed(string kind, string name, long expected, long found) =>
        new("SL7623", "store a document", $"{kind} {name}", string.Create(CultureInfo.InvariantCulture, $"it was changed meanwhile: generation {expected} was to be replaced, and it has {found}"), "Look at it as it is now, and make your change there");

    public static SealiftException Unknown(string kind, string name) =>
        new("SL7624", "find a document", $"{kind} {name}", "there is none of this name", "See `sealift plan get` for what there is");

    public static SealiftException Named(string kind, string name, string by) =>
        new("SL7625", "remove a document", $"{kind} {name}", $"{by} names it", "Remove that first, or let it name another");

    public static SealiftException Unfinished(string plan) =>
        new("SL7626", "begin or remove a plan", plan, "a run of it is not finished", "Wait for it, or cancel it with `sealift plan cancel`");

    public static SealiftException LeaseLost(string run, string owner) =>
        new("SL7627", "write down where a run stands", run, $"it is not, or no longer, {owner}'s", "Nothing has to be done: who took it over goes on with it");

    public static SealiftException UnknownRun(string run) =>
        new("SL7628", "find a run", run, "there is none of this id", "See `sealift plan status` for the ids");

    public static SealiftException UnknownMachine(string run, string machine) =>
        new("SL7629", "find a machine of a run", $"{run} {machine}", "the run has none of this name", "See `sealift plan status` for the names");
}
