using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>A document of any kind within other JSON, with all its fields: so it stays the same when a later version takes something else for a field that is left out.</summary>
public sealed class DocumentConverter : JsonConverter<Document>
{
    /// <inheritdoc/>
    public override Document Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonNode.Parse(ref reader) is JsonObject json ? DocumentKinds.FromJson(json) : throw new JsonException("a document has fields");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Document value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        DocumentKinds.ToJson(value).WriteTo(writer);
    }
}
