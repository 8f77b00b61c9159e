using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Sealift.Plans.Documents;

/// <summary>The form of documents as JSON Schema, draft 2020-12, for editors and other programs: made of the same types and limits that <see cref="DocumentReader"/> reads by.</summary>
public static class DocumentSchema
{
    private const string TimePattern = "^[0-9]+([mM][sS]|[sS]|[mM]|[mM][iI][nN]|[hH]|[dD])$";
    private const string SizePattern = "^[0-9]+([kKmMgGtT]([iI][bB])?|[bB])?$";

    /// <summary>The schema of one document of any kind, as indented JSON that ends with a line's end.</summary>
    public static string Write()
    {
        var definitions = new JsonObject();
        var kinds = new JsonArray();
        foreach (var kind in DocumentKind.All)
        {
            var type = DocumentKinds.TypeOf(kind)!;
            Define(type, definitions);
            ((JsonObject)definitions[type.Type.Name]!["properties"]!)["kind"] = new JsonObject { ["const"] = kind };
            ((JsonObject)definitions[type.Type.Name]!["properties"]!)["apiVersion"] = new JsonObject { ["const"] = Document.Version };
            definitions[type.Type.Name]!["required"] = new JsonArray("apiVersion", "kind", "metadata", "spec");
            kinds.Add((JsonNode)Reference(type));
        }

        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["$id"] = "urn:sealift:documents:v1alpha1",
            ["title"] = "Documents of Sealift",
            ["description"] = "A Provider, StorageMap, NetworkMap, Hook, Plan or Migration.",
            ["oneOf"] = kinds,
            ["$defs"] = definitions,
        };
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) schema.WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static void Define(JsonTypeInfo type, JsonObject definitions)
    {
        var name = type.Type.Name;
        if (definitions.ContainsKey(name)) return;
        var (properties, required) = (new JsonObject(), new JsonArray());
        definitions[name] = new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = required, ["additionalProperties"] = false };
        foreach (var property in type.Properties)
        {
            var target = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            var field = OfType(DocumentKinds.TypeOf(target), FieldLimits.Of(type.Type, property.Name, target), definitions);
            if (DocumentKinds.DefaultOf(type.Type, property.Name) is { } otherwise and (JsonValue or JsonArray)) field["default"] = otherwise.DeepClone();
            properties[property.Name] = field;
            if (DocumentBinding.IsDemanded(type.Type, property)) required.Add((JsonNode)JsonValue.Create(property.Name));
        }

        if (type.Type == typeof(PlanSpec)) properties["warm"] = new JsonObject { ["type"] = "boolean", ["description"] = "true for type: warm, false for type: cold.", ["deprecated"] = true };
        if (required.Count == 0) _ = ((JsonObject)definitions[name]!).Remove("required"); // an empty one says the same
    }

    private static JsonObject OfType(JsonTypeInfo type, FieldLimit limit, JsonObject definitions)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object:
                Define(type, definitions);
                return Reference(type);
            case JsonTypeInfoKind.Enumerable:
                var element = DocumentKinds.TypeOf(type.ElementType!);
                return Bounded(new JsonObject { ["type"] = "array", ["items"] = OfType(element, FieldLimits.Of(type.Type, string.Empty, element.Type), definitions) }, limit, "minItems", "maxItems");
            case JsonTypeInfoKind.Dictionary:
                return Bounded(new JsonObject { ["type"] = "object", ["additionalProperties"] = new JsonObject { ["type"] = "string" } }, limit, "minProperties", "maxProperties");
            default:
                return OfScalar(type, limit);
        }
    }

    private static JsonObject OfScalar(JsonTypeInfo type, FieldLimit limit)
    {
        if (type.Type.IsEnum) return new JsonObject { ["enum"] = Words(DocumentBinding.WordsOf(type)) };
        if (type.Type == typeof(bool)) return new JsonObject { ["type"] = "boolean" };
        if (type.Type == typeof(int)) return Bounded(new JsonObject { ["type"] = "integer" }, limit, "minimum", "maximum");
        if (type.Type == typeof(TimeSpan)) return new JsonObject { ["type"] = "string", ["pattern"] = TimePattern, ["description"] = $"{TimeText.Expected}{(limit.Maximum == FieldLimits.ListEntries ? string.Empty : $", from {WrittenQuantity.Of(TimeSpan.FromSeconds(limit.Minimum))} to {WrittenQuantity.Of(TimeSpan.FromSeconds(limit.Maximum))}")}" };
        if (type.Type == typeof(DateTimeOffset)) return new JsonObject { ["type"] = "string", ["format"] = "date-time", ["description"] = InstantText.Expected };
        if (type.Type == typeof(long)) return new JsonObject { ["oneOf"] = new JsonArray(Bounded(new JsonObject { ["type"] = "integer" }, limit, "minimum", "maximum"), new JsonObject { ["type"] = "string", ["pattern"] = SizePattern }), ["description"] = $"{SizeText.Expected}, at least {WrittenQuantity.Of(limit.Minimum)}" };
        if (limit.Words.Count > 0) return new JsonObject { ["enum"] = Words(limit.Words) };
        var text = Bounded(new JsonObject { ["type"] = "string" }, limit, "minLength", "maxLength");
        if (limit.Pattern is { } pattern)
        {
            text["pattern"] = pattern.ToString().Replace(@"\z", "$", StringComparison.Ordinal);
            text["description"] = limit.PatternMeans;
        }

        return text;
    }

    private static JsonObject Reference(JsonTypeInfo type) => new() { ["$ref"] = $"#/$defs/{type.Type.Name}" };

    private static JsonArray Words(IEnumerable<string> words) => [.. words.Select(w => (JsonNode)JsonValue.Create(w))];

    private static JsonObject Bounded(JsonObject schema, FieldLimit limit, string least, string most)
    {
        if (limit.Minimum > 0) schema[least] = limit.Minimum;
        if (limit.Maximum < long.MaxValue) schema[most] = limit.Maximum;
        return schema;
    }
}
