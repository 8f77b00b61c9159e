using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Sealift.Plans.Documents;

/// <summary>The types behind the words of <c>kind</c>, and what stands for fields that are left out.</summary>
internal static class DocumentKinds
{
    // Generated code sets a property that has only `init` even where its field is left out, to null or zero: what its initializer says has
    // to be put in before. By an object of each type of which fields may be left out, what it demands set to nothing.
    private static readonly Lazy<Dictionary<Type, JsonObject>> Defaults = new(() => new()
    {
        [typeof(HookSpec)] = Of(new HookSpec(), DocumentJson.Default.HookSpec),
        [typeof(PlanSpec)] = Of(new PlanSpec { Provider = null!, Vms = null! }, DocumentJson.Default.PlanSpec),
        [typeof(PlanMaps)] = Of(new PlanMaps(), DocumentJson.Default.PlanMaps),
        [typeof(PlannedMachine)] = Of(new PlannedMachine { Name = null! }, DocumentJson.Default.PlannedMachine),
        [typeof(PrecopySpec)] = Of(new PrecopySpec(), DocumentJson.Default.PrecopySpec),
        [typeof(PlanLimits)] = Of(new PlanLimits(), DocumentJson.Default.PlanLimits),
        [typeof(PlanDeadlines)] = Of(new PlanDeadlines(), DocumentJson.Default.PlanDeadlines),
        [typeof(MigrationSpec)] = Of(new MigrationSpec { Plan = null! }, DocumentJson.Default.MigrationSpec),
    });

    /// <summary>How documents of a kind are read and written; null where there is no such kind.</summary>
    public static JsonTypeInfo? TypeOf(string kind) => kind switch
    {
        DocumentKind.Provider => DocumentJson.Default.ProviderDocument,
        DocumentKind.StorageMap => DocumentJson.Default.StorageMapDocument,
        DocumentKind.NetworkMap => DocumentJson.Default.NetworkMapDocument,
        DocumentKind.Hook => DocumentJson.Default.HookDocument,
        DocumentKind.Plan => DocumentJson.Default.PlanDocument,
        DocumentKind.Migration => DocumentJson.Default.MigrationDocument,
        _ => null,
    };

    /// <summary>How values of a field's type are read and written.</summary>
    public static JsonTypeInfo TypeOf(Type type) =>
        DocumentJson.Default.GetTypeInfo(type) ?? throw new InvalidOperationException($"{type} is in no document");

    /// <summary>What stands for a field that is left out; null where nothing does.</summary>
    public static JsonNode? DefaultOf(Type owner, string field) => Defaults.Value.TryGetValue(owner, out var fields) ? fields[field] : null;

    /// <summary>A document as JSON with all its fields, those that say what would be so anyhow among them.</summary>
    public static JsonObject ToJson(Document document)
    {
        ArgumentNullException.ThrowIfNull(document);
        return (JsonObject)JsonSerializer.SerializeToNode(document, TypeOf(document.Kind) ?? throw new ArgumentException($"{document.Kind} is no kind", nameof(document)))!;
    }

    /// <summary>A document of JSON in which fields may be missing.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static Document FromJson(JsonObject json)
    {
        var kind = json["kind"] is JsonValue value && value.TryGetValue<string>(out var word) ? word : string.Empty;
        var type = TypeOf(kind) ?? throw new JsonException($"{kind} is no kind of document");
        PutDefaults(json, type);
        return (Document)(JsonSerializer.Deserialize(json, type) ?? throw new JsonException("it is null"));
    }

    /// <summary>Puts in what stands for the fields that are left out.</summary>
    private static void PutDefaults(JsonNode? node, JsonTypeInfo type)
    {
        switch (node)
        {
            case JsonObject fields when type.Kind == JsonTypeInfoKind.Object:
                foreach (var property in type.Properties)
                {
                    if (!fields.ContainsKey(property.Name) && DefaultOf(type.Type, property.Name) is { } value) fields[property.Name] = value.DeepClone();
                    if (fields[property.Name] is JsonObject or JsonArray) PutDefaults(fields[property.Name], TypeOf(property.PropertyType));
                }

                break;
            case JsonArray list when type.ElementType is { } element:
                foreach (var item in list) PutDefaults(item, TypeOf(element));
                break;
            default:
                break; // scalars are whole
        }
    }

    private static JsonObject Of<T>(T value, JsonTypeInfo<T> type) => (JsonObject)JsonSerializer.SerializeToNode(value, type)!;
}
