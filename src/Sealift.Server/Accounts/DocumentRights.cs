using System.Security.Claims;
using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Server.Accounts;

/// <summary>
/// Who may write which documents. A hook is a program that this host will run, and a provider a place on this host that is read or written
/// to: both are for <see cref="Scope.Admin"/>, and so is a plan that names files with keys, which are read here. An order to migrate begins a run,
/// which is for <see cref="Scope.Operate"/>. Other plans, and maps, only choose among them.
/// </summary>
internal static class DocumentRights
{
    /// <summary>Whether somebody may write documents of a kind.</summary>
    public static bool MayWrite(this ClaimsPrincipal who, string kind) => who.Has(Needed(kind));

    /// <summary>Refuses documents that somebody may not write.</summary>
    /// <exception cref="SealiftException">SL9024.</exception>
    public static void Check(this ClaimsPrincipal who, IEnumerable<Document> documents)
    {
        foreach (var document in documents)
        {
            who.Check(document.Kind, document.Metadata.Name);
            if (document is PlanDocument { Spec: var plan } && (plan.LuksKeys.Count > 0 || plan.Vms.Any(m => m.LuksKeys.Count > 0)) && !who.Has(Scope.Admin))
                throw ServerErrors.NotAllowed($"{document.Kind}/{document.Metadata.Name}, which has luksKeys", Scope.Admin);
        }
    }

    /// <summary>Refuses to let somebody write or remove a document.</summary>
    /// <exception cref="SealiftException">SL9024.</exception>
    public static void Check(this ClaimsPrincipal who, string kind, string name)
    {
        if (!who.MayWrite(kind)) throw ServerErrors.NotAllowed($"{kind}/{name}", Needed(kind));
    }

    private static string Needed(string kind) => kind switch
    {
        DocumentKind.Hook or DocumentKind.Provider => Scope.Admin,
        DocumentKind.Migration => Scope.Operate,
        _ => Scope.Plan,
    };
}
