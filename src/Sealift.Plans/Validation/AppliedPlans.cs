using Sealift.Plans.Documents;
using Sealift.Plans.Store;

namespace Sealift.Plans.Validation;

/// <summary>Looks at plans when they are to be stored, without asking any source or target.</summary>
public static class AppliedPlans
{
    /// <summary>What is wrong with the plans among documents that are to be stored.</summary>
    /// <param name="store">What is stored already.</param>
    /// <param name="documents">The documents.</param>
    /// <param name="now">What time it is.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>
    /// Each plan with what there is to say about it. What may come right without the plan being changed is no obstacle here: documents that are
    /// missing, and times that have passed by.
    /// </returns>
    public static async Task<IReadOnlyList<(PlanDocument Plan, PlanProblem Problem)>> CheckAsync(IPlanStore store, IReadOnlyList<Document> documents, DateTimeOffset now, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(documents);
        var found = new List<(PlanDocument, PlanProblem)>();
        if (!documents.Any(d => d is PlanDocument)) return found;
        var all = new List<Document>();
        foreach (var kind in new[] { DocumentKind.Provider, DocumentKind.StorageMap, DocumentKind.NetworkMap, DocumentKind.Hook }) all.AddRange((await store.ListAsync(kind, cancel)).Select(d => d.Document));
        all.AddRange(documents);
        var byName = PlanDocuments.ByName(all);
        foreach (var plan in documents.OfType<PlanDocument>())
        {
            cancel.ThrowIfCancellationRequested();
            var named = new PlanDocuments(plan, byName);
            // At the beginning of time nothing is over.
            var lasting = PlanValidation.Check(named, DateTimeOffset.MinValue).ToHashSet();
            found.AddRange(PlanValidation.Check(named, now).Select(p => (plan, p with { IsObstacle = p.IsObstacle && p.Code != PlanProblems.MissingCode && lasting.Contains(p) })));
        }

        return found;
    }

    /// <summary>Refuses documents among which a plan could never be run as it is. What does not stop it is for validation to say.</summary>
    /// <exception cref="Posix.SealiftException">SL7656.</exception>
    public static async Task DemandAsync(IPlanStore store, IReadOnlyList<Document> documents, DateTimeOffset now, CancellationToken cancel) =>
        Demand(await CheckAsync(store, documents, now, cancel));

    /// <summary>The same of what was found.</summary>
    /// <exception cref="Posix.SealiftException">SL7656.</exception>
    public static void Demand(IReadOnlyList<(PlanDocument Plan, PlanProblem Problem)> found)
    {
        if (found.FirstOrDefault(f => f.Problem.IsObstacle).Plan is { } first) throw PlanErrors.CannotStore(first.Metadata.Name, [.. found.Where(f => ReferenceEquals(f.Plan, first) && f.Problem.IsObstacle).Select(f => f.Problem)]);
    }
}
