using System.Globalization;

namespace Sealift.Plans.Documents;

/// <summary>What a document names.</summary>
/// <param name="Field">Where, as <c>spec.vms[3].hooks[0].hook</c>.</param>
/// <param name="Kind">The kind of what is named.</param>
/// <param name="Name">Its name.</param>
public sealed record NamedDocument(string Field, string Kind, string Name);

/// <summary>Which documents name which.</summary>
public static class DocumentReferences
{
    /// <summary>All that a document names, in the order of its fields; the same name may come several times.</summary>
    public static IEnumerable<NamedDocument> Of(Document document) => document switch
    {
        PlanDocument plan => OfPlan(plan.Spec),
        HookDocument hook => hook.Spec.After.Select((h, i) => new NamedDocument(At("spec.after", i), DocumentKind.Hook, h.Name)),
        MigrationDocument migration => [new NamedDocument("spec.plan", DocumentKind.Plan, migration.Spec.Plan.Name)],
        _ => [],
    };

    private static IEnumerable<NamedDocument> OfPlan(PlanSpec spec)
    {
        yield return new NamedDocument("spec.provider.source", DocumentKind.Provider, spec.Provider.Source.Name);
        yield return new NamedDocument("spec.provider.destination", DocumentKind.Provider, spec.Provider.Destination.Name);
        if (spec.Map.Storage is { } storage) yield return new NamedDocument("spec.map.storage", DocumentKind.StorageMap, storage.Name);
        if (spec.Map.Network is { } network) yield return new NamedDocument("spec.map.network", DocumentKind.NetworkMap, network.Name);
        for (var i = 0; i < spec.Hooks.Count; i++) yield return new NamedDocument($"{At("spec.hooks", i)}.hook", DocumentKind.Hook, spec.Hooks[i].Hook.Name);
        for (var v = 0; v < spec.Vms.Count; v++)
            for (var i = 0; i < spec.Vms[v].Hooks.Count; i++) yield return new NamedDocument($"{At($"{At("spec.vms", v)}.hooks", i)}.hook", DocumentKind.Hook, spec.Vms[v].Hooks[i].Hook.Name);
    }

    private static string At(string list, int index) => string.Create(CultureInfo.InvariantCulture, $"{list}[{index}]");
}
