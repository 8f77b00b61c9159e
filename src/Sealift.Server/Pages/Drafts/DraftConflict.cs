using Sealift.Plans.Documents;
using Sealift.Plans.Store;

namespace Sealift.Server.Pages;

/// <summary>A document of a draft that is not stored any more as it was when the draft was made.</summary>
/// <param name="Kind">Its kind: a plan, or a map of its own.</param>
/// <param name="Name">Its name.</param>
/// <param name="Drafted">The generation that the draft was made from; 0 where there was none.</param>
/// <param name="Now">The generation that it has; 0 where there is none.</param>
internal sealed record DraftConflict(string Kind, string Name, long Drafted, long Now)
{
    /// <summary>Those of a draft.</summary>
    /// <param name="draft">The draft.</param>
    /// <param name="documents">Its documents, as it reads them.</param>
    /// <param name="store">Where they are stored.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<IReadOnlyList<DraftConflict>> FindAsync(PlanDraft draft, IReadOnlyList<Document> documents, IPlanStore store, CancellationToken cancel)
    {
        List<DraftConflict> found = [];
        foreach (var document in documents)
        {
            var conflict = new DraftConflict(document.Kind, document.Metadata.Name, draft.GenerationOf(document.Kind), (await store.FindAsync(document.Kind, document.Metadata.Name, cancel))?.Generation ?? 0);
            if (conflict.Drafted != conflict.Now) found.Add(conflict);
        }

        return found;
    }
}
