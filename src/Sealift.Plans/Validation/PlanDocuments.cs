using Sealift.Plans.Documents;

namespace Sealift.Plans.Validation;

/// <summary>A plan with all that it names, as far as it is there.</summary>
public sealed class PlanDocuments
{
    private readonly IReadOnlyDictionary<(string Kind, string Name), Document> byName;

    /// <summary>Makes one.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="documents">All documents that it may name; of two of the same name the later counts.</param>
    public PlanDocuments(PlanDocument plan, IEnumerable<Document> documents)
        : this(plan, ByName(documents))
    {
    }

    /// <summary>Makes one of many that share their documents.</summary>
    internal PlanDocuments(PlanDocument plan, IReadOnlyDictionary<(string Kind, string Name), Document> byName) => (Plan, this.byName) = (plan, byName);

    /// <summary>Documents by their names; of two of the same name the later counts.</summary>
    internal static IReadOnlyDictionary<(string Kind, string Name), Document> ByName(IEnumerable<Document> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var byName = new Dictionary<(string Kind, string Name), Document>();
        foreach (var document in documents) byName[(document.Kind, document.Metadata.Name)] = document;
        return byName;
    }

    /// <summary>The plan.</summary>
    public PlanDocument Plan { get; }

    /// <summary>The source; null where it is missing.</summary>
    public ProviderSpec? Source => Find<ProviderDocument>(DocumentKind.Provider, Plan.Spec.Provider.Source.Name)?.Spec;

    /// <summary>The target; null where it is missing.</summary>
    public ProviderSpec? Destination => Find<ProviderDocument>(DocumentKind.Provider, Plan.Spec.Provider.Destination.Name)?.Spec;

    /// <summary>Its storage map; null where none is named, or it is missing.</summary>
    public StorageMapSpec? Storage => Plan.Spec.Map.Storage is { } map ? Find<StorageMapDocument>(DocumentKind.StorageMap, map.Name)?.Spec : null;

    /// <summary>Its network map; null where none is named, or it is missing.</summary>
    public NetworkMapSpec? Network => Plan.Spec.Map.Network is { } map ? Find<NetworkMapDocument>(DocumentKind.NetworkMap, map.Name)?.Spec : null;

    /// <summary>A hook; null where there is none.</summary>
    public HookDocument? Hook(string name) => Find<HookDocument>(DocumentKind.Hook, name);

    /// <summary>Whether there is a document.</summary>
    public bool Has(string kind, string name) => byName.ContainsKey((kind, name));

    /// <summary>The plan and all that it names, and what that names: what a run takes with it.</summary>
    public IReadOnlyList<Document> Named()
    {
        var (all, seen) = (new List<Document>(), new HashSet<(string, string)>());
        var open = new Queue<Document>([Plan]);
        while (open.TryDequeue(out var document))
        {
            if (!seen.Add((document.Kind, document.Metadata.Name))) continue;
            all.Add(document);
            foreach (var named in DocumentReferences.Of(document))
                if (byName.TryGetValue((named.Kind, named.Name), out var found)) open.Enqueue(found);
        }

        return all;
    }

    private T? Find<T>(string kind, string name)
        where T : Document => byName.GetValueOrDefault((kind, name)) as T;
}
