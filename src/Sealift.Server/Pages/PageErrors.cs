using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>Errors of the pages; SL91xx.</summary>
internal static class PageErrors
{
    public static SealiftException NoDraft(string id) => new(
        "SL9101", "go on with a draft of a plan", id.Length <= 40 ? id : $"{id[..40]}…", "there is none: it was stored as a plan, thrown away, or is somebody else's", "Begin a new one, or edit the plan, at /plans");

    public static SealiftException PlanChanged(DraftConflict conflict) => new(
        "SL9102", "store a plan", conflict.Kind == DocumentKind.Plan ? conflict.Name : $"{conflict.Kind} {conflict.Name}", $"it is at generation {conflict.Now} by now, and this draft was made from generation {conflict.Drafted}", "Look at what the other change was; then edit the plan again, or store this draft under another name");

    public static SealiftException TooManyDrafts(int most) => new(
        "SL9103", "begin a draft of a plan", "your drafts", $"there are {most} of them already", "Throw away, at /plans, what is not needed");

    public static SealiftException BadProvider(string name, string said) => new(
        "SL9104", "add a provider", name, said, "Correct it, and add it again");

    public static SealiftException NoSeal(string migration) => new(
        "SL9106", "show a seal", migration, "there is none yet, or its file is gone", "Wait for the verdict; where the machine was moved, its seal lies beside it");

    public static SealiftException Unsigned(string path) => new(
        "SL9107", "show a seal", path, "its signature does not hold, so that nothing of it is believed", "Take the seal again from where it was written, or verify it with the public key of whoever signed it: sealift verify --key");

    public static SealiftException Verifying(string migration) => new(
        "SL9108", "verify a seal", migration, "others are being verified, or a program has this one verified, and each reads whole disks", "Wait until one of them is done");

    public static SealiftException BadForm(string field, string said) => new(
        "SL9109", "understand a form", field, said, "Go back, and correct it");

    public static SealiftException SilentProvider(string provider, TimeSpan patience) => new(
        "SL9110", "show what is on a provider", provider, $"it did not tell its machines within {patience.TotalMinutes} minutes", "See whether it can be reached from this server, then ask again");

    public static SealiftException NoInventory(string provider, string kind) => new(
        "SL9111", "show what is on a provider", provider, $"it is a {kind}, which receives machines", "Choose the provider that machines come from");
}
