using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Sealift.Plans.Documents;

/// <summary>Writes documents as people write them: without the fields that say what would be so anyhow. <see cref="DocumentReader"/> reads the same from it.</summary>
public static class DocumentWriter
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>Documents as YAML, with <c>---</c> between them.</summary>
    public static string ToYaml(IReadOnlyList<Document> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var emitter = new Emitter(text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024, skipAnchorName: false, indentSequences: false));
        emitter.Emit(new StreamStart());
        for (var i = 0; i < documents.Count; i++)
        {
            emitter.Emit(new DocumentStart(null, null, isImplicit: i == 0));
            Emit(emitter, Short(documents[i]));
            emitter.Emit(new DocumentEnd(isImplicit: true));
        }

        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    /// <summary>A document as YAML.</summary>
    public static string ToYaml(Document document) => ToYaml([document]);

    /// <summary>A document as JSON of several lines.</summary>
    public static string ToJson(Document document)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, Indented)) Short(document).WriteTo(writer);
        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    private static JsonObject Short(Document document)
    {
        var json = DocumentKinds.ToJson(document);
        LeaveOut(json, DocumentKinds.TypeOf(document.Kind)!);
        return json;
    }

    private static void LeaveOut(JsonNode? node, JsonTypeInfo type)
    {
        switch (node)
        {
            case JsonObject fields when type.Kind == JsonTypeInfoKind.Object:
                foreach (var property in type.Properties)
                {
                    if (fields[property.Name] is not { } value) continue;
                    if (DocumentKinds.DefaultOf(type.Type, property.Name) is { } otherwise && JsonNode.DeepEquals(value, otherwise))
                    {
                        if (!fields.Remove(property.Name)) throw new InvalidOperationException($"{property.Name} was there and is not");
                        continue;
                    }

                    if (value is JsonObject or JsonArray) LeaveOut(value, DocumentKinds.TypeOf(property.PropertyType));
                }

                break;
            case JsonArray list when type.ElementType is { } element:
                foreach (var item in list) LeaveOut(item, DocumentKinds.TypeOf(element));
                break;
            default:
                break; // scalars stay
        }
    }

    private static void Emit(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } fields:
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, isImplicit: true, MappingStyle.Block));
                foreach (var (name, value) in fields)
                {
                    emitter.Emit(ScalarOf(name));
                    Emit(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonObject:
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, isImplicit: true, MappingStyle.Flow));
                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var item in list) Emit(emitter, item);
                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                emitter.Emit(ScalarOf(value.GetValue<string>()));
                break;
            default:
                emitter.Emit(new Scalar(node?.ToJsonString() ?? "null"));
                break;
        }
    }

    private static Scalar ScalarOf(string text) => new(AnchorName.Empty, TagName.Empty, text, IsPlain(text) ? ScalarStyle.Plain : ScalarStyle.DoubleQuoted, isPlainImplicit: true, isQuotedImplicit: true);

    // Only what no YAML, not even that of 1.1, takes for anything but text.
    private static bool IsPlain(string text)
    {
        if (text.Length == 0 || YamlDocuments.Resolve(text) != NodeKind.Text || text.ToUpperInvariant() is "ON" or "OFF" or "YES" or "NO" or "Y" or "N") return false;
        if (!(char.IsAsciiLetter(text[0]) || text[0] == '/' || (char.IsAsciiDigit(text[0]) && text.Any(char.IsAsciiLetter)))) return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsAsciiLetterOrDigit(text[i]) || text[i] is '-' or '_' or '.' or '/' or '@' or '+' or '=' or '(' or ')') continue;
            if (text[i] is ' ' or ':' && i + 1 < text.Length && (char.IsAsciiLetterOrDigit(text[i + 1]) || text[i + 1] == '/')) continue;
            return false;
        }

        return true;
    }
}
