using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Sealift.Plans.Documents;

/// <summary>Compares what is in a file with what a document may hold, field by field, and makes JSON of it that is then known to fit.</summary>
/// <param name="file">The file's name, for errors.</param>
internal sealed class DocumentBinding(string file)
{
    /// <summary>A document of what was read.</summary>
    /// <exception cref="Posix.SealiftException">SL7606 to SL7609, SL7611.</exception>
    public Document Bind(DocumentNode root)
    {
        if (root.Kind != NodeKind.Fields) throw DocumentErrors.BadValue(file, root.Position, string.Empty, root.Looks, $"a document, which begins with `apiVersion: {Document.Version}` and `kind:`");
        var version = Word(root, "apiVersion", Document.Version);
        if (version.Text != Document.Version) throw DocumentErrors.WrongKind(file, version.Position, "apiVersion", version.Looks, Document.Version);
        var kind = Word(root, "kind", $"one of {string.Join(", ", DocumentKind.All)}");
        var type = DocumentKinds.TypeOf(kind.Text) ?? throw DocumentErrors.WrongKind(file, kind.Position, "kind", kind.Looks, $"one of {string.Join(", ", DocumentKind.All)}");
        var json = (JsonObject)Value(root, type, FieldLimits.Of(typeof(object), string.Empty, type.Type), string.Empty);
        try
        {
            return DocumentKinds.FromJson(json);
        }
        catch (JsonException e)
        {
            // The comparison knows less than the reader of JSON in some corner: the place is known all the same.
            var path = (e.Path ?? "$").TrimStart('$', '.');
            throw DocumentErrors.BadValue(file, root.Locate(path), path, "something else than is expected there", e.Message.Split(" Path:")[0]);
        }
    }

    private DocumentNode Word(DocumentNode root, string field, string expected)
    {
        if (!root.Fields.TryGetValue(field, out var found)) throw DocumentErrors.Missing(file, root.Position, field, expected);
        return found.Value.Kind == NodeKind.Text ? found.Value : throw DocumentErrors.BadValue(file, found.Value.Position, field, found.Value.Looks, expected);
    }

    private JsonNode Value(DocumentNode node, JsonTypeInfo type, FieldLimit limit, string path) => type.Kind switch
    {
        JsonTypeInfoKind.Object => ObjectValue(node, type, path),
        JsonTypeInfoKind.Enumerable => ListValue(node, type, limit, path),
        JsonTypeInfoKind.Dictionary => WordsValue(node, limit, path),
        _ => ScalarValue(node, type, limit, path),
    };

    private JsonObject ObjectValue(DocumentNode node, JsonTypeInfo type, string path)
    {
        Demand(node, NodeKind.Fields, path, "fields with values");
        if (type.Type == typeof(PlanSpec)) ReadWarm(node, path);
        var json = new JsonObject();
        var known = type.Properties.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (name, field) in node.Fields)
        {
            var at = Below(path, name);
            if (!known.TryGetValue(name, out var property)) throw DocumentErrors.UnknownField(file, field.Position, at, NearestWord.Of(name, known.Keys), known.Keys);
            var (target, mayBeNull) = Nullable.GetUnderlyingType(property.PropertyType) is { } underlying ? (underlying, true) : (property.PropertyType, !property.PropertyType.IsValueType && property.IsSetNullable);
            if (property.Set is null)
            {
                json[name] = field.Value.Text; // the kind, which was looked at
                continue;
            }

            if (field.Value.Kind == NodeKind.Null && mayBeNull) continue;
            json[name] = Value(field.Value, DocumentKinds.TypeOf(target), FieldLimits.Of(type.Type, name, target), at);
        }

        foreach (var property in type.Properties)
            if (!json.ContainsKey(property.Name) && IsDemanded(type.Type, property)) throw DocumentErrors.Missing(file, node.Position, Below(path, property.Name), Expected(property.PropertyType, FieldLimits.Of(type.Type, property.Name, property.PropertyType)));
        return json;
    }

    /// <summary>Whether a field may not be left out: what has no default and may not be null. The parameters of the one record that has a constructor are not `required`.</summary>
    internal static bool IsDemanded(Type owner, JsonPropertyInfo property) =>
        property.IsRequired || (property.Set is not null && DocumentKinds.DefaultOf(owner, property.Name) is null && !property.PropertyType.IsValueType && !property.IsSetNullable && property.Name != "apiVersion");

    private JsonArray ListValue(DocumentNode node, JsonTypeInfo type, FieldLimit limit, string path)
    {
        Demand(node, NodeKind.List, path, limit.InWords("a list", " entries"));
        if (node.Items.Count < limit.Minimum || node.Items.Count > limit.Maximum) throw DocumentErrors.BadValue(file, node.Position, path, string.Create(CultureInfo.InvariantCulture, $"a list of {node.Items.Count} entries"), limit.InWords("a list", " entries"));
        var element = DocumentKinds.TypeOf(type.ElementType!);
        var (json, each) = (new JsonArray(), FieldLimits.Of(type.Type, string.Empty, element.Type));
        for (var i = 0; i < node.Items.Count; i++) json.Add(Value(node.Items[i], element, each, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]")));
        return json;
    }

    private JsonObject WordsValue(DocumentNode node, FieldLimit limit, string path)
    {
        Demand(node, NodeKind.Fields, path, "words with values");
        if (node.Fields.Count > limit.Maximum) throw DocumentErrors.BadValue(file, node.Position, path, string.Create(CultureInfo.InvariantCulture, $"{node.Fields.Count} words"), limit.InWords("words", string.Empty));
        var json = new JsonObject();
        foreach (var (name, field) in node.Fields)
        {
            if (name.Length is 0 or > 253 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '/')) throw DocumentErrors.BadValue(file, field.Position, path, $"the word \"{(name.Length > 60 ? name[..57] + "…" : name)}\"", "a word of letters, digits, dots, dashes, underscores and slashes, at most 253");
            json[name] = ScalarValue(field.Value, DocumentJson.Default.String, new FieldLimit { Maximum = 1024 }, Below(path, name));
        }

        return json;
    }

    private JsonValue ScalarValue(DocumentNode node, JsonTypeInfo type, FieldLimit limit, string path)
    {
        var expected = Expected(type.Type, limit);
        if (type.Type == typeof(bool)) return JsonValue.Create(Demand(node, NodeKind.Boolean, path, expected).Text is "true" or "True" or "TRUE");
        if (type.Type == typeof(string)) return JsonValue.Create(TextOf(node, limit, path, expected));
        if (type.Type.IsEnum)
        {
            var words = WordsOf(type);
            return Demand(node, NodeKind.Text, path, expected) is { } word && words.Contains(word.Text) ? JsonValue.Create(word.Text) : throw Bad();
        }

        if (type.Type == typeof(TimeSpan)) return node.Kind == NodeKind.Text && WrittenQuantity.ParseTime(node.Text) is { } time && Fits(limit, (decimal)time.TotalSeconds) ? JsonValue.Create(node.Text) : throw Bad();
        if (type.Type == typeof(DateTimeOffset)) return node.Kind == NodeKind.Text && InstantText.Parse(node.Text) is not null ? JsonValue.Create(node.Text) : throw Bad();
        if (type.Type == typeof(long)) return node.Kind is NodeKind.Text or NodeKind.Number && WrittenQuantity.ParseSize(node.Text) is { } size && Fits(limit, size) ? JsonValue.Create(node.Text) : throw Bad();
        if (type.Type == typeof(int)) return node.Kind == NodeKind.Number && WholeNumber(node.Text) is { } number && Fits(limit, number) ? JsonValue.Create(number) : throw Bad();
        throw new InvalidOperationException($"{type.Type} is in no document");

        Exception Bad() => DocumentErrors.BadValue(file, node.Position, path, node.Looks, expected);
    }

    private string TextOf(DocumentNode node, FieldLimit limit, string path, string expected)
    {
        if (node.Kind is NodeKind.Number or NodeKind.Boolean or NodeKind.Null) throw DocumentErrors.BadValue(file, node.Position, path, node.Kind == NodeKind.Null ? "nothing" : $"{node.Text}, which is no text without quotes", node.Kind == NodeKind.Null ? expected : $"\"{node.Text}\", in quotes, where that is meant");
        var text = Demand(node, NodeKind.Text, path, expected).Text;
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
            else if ((char.IsControl(text[i]) && text[i] is not ('\n' or '\t')) || char.IsSurrogate(text[i]) || text[i] is '\uFFFE' or '\uFFFF')
                throw DocumentErrors.BadValue(file, node.Position, path, string.Create(CultureInfo.InvariantCulture, $"a text with the character U+{(int)text[i]:X4}"), "a text without control characters");
        }

        if (limit.Words.Count > 0 ? !limit.Words.Contains(text) : text.Length < limit.Minimum || text.Length > limit.Maximum || limit.Pattern?.IsMatch(text) == false) throw DocumentErrors.BadValue(file, node.Position, path, node.Looks, expected);
        return text;
    }

    /// <summary>Forklift's older word for the type of a plan.</summary>
    private void ReadWarm(DocumentNode spec, string path)
    {
        if (!spec.Fields.Remove("warm", out var warm)) return;
        var type = Demand(warm.Value, NodeKind.Boolean, Below(path, "warm"), "true or false").Text is "true" or "True" or "TRUE" ? "warm" : "cold";
        if (spec.Fields.TryAdd("type", new DocumentField(warm.Position, new DocumentNode(NodeKind.Text, type, warm.Value.Position)))) return;
        var said = spec.Fields["type"].Value;
        if (said.Text != type) throw DocumentErrors.Contradiction(file, warm.Position, Below(path, "warm"), $"it says {type}, and `type` says {said.Looks}");
    }

    private DocumentNode Demand(DocumentNode node, NodeKind kind, string path, string expected) => node.Kind == kind ? node : throw DocumentErrors.BadValue(file, node.Position, path, node.Looks, expected);

    private static bool Fits(FieldLimit limit, decimal value) => value >= limit.Minimum && value <= limit.Maximum;

    /// <summary>What a field should be, for people.</summary>
    private static string Expected(Type type, FieldLimit limit)
    {
        var target = Nullable.GetUnderlyingType(type) ?? type;
        if (target.IsEnum) return $"one of {string.Join(", ", WordsOf(DocumentKinds.TypeOf(target)))}";
        if (target == typeof(bool)) return "true or false";
        if (target == typeof(int)) return limit.InWords("a whole number");
        if (target == typeof(long)) return limit.InWords(SizeText.Expected, " bytes");
        if (target == typeof(TimeSpan)) return limit == FieldLimits.Of(typeof(object), string.Empty, target) ? TimeText.Expected : limit.InWords(TimeText.Expected, " seconds");
        if (target == typeof(DateTimeOffset)) return InstantText.Expected;
        if (target == typeof(string)) return limit.PatternMeans is { } means ? $"{limit.InWords("a text", " characters")}: {means}" : limit.InWords("a text", " characters");
        return DocumentKinds.TypeOf(target).Kind == JsonTypeInfoKind.Enumerable ? limit.InWords("a list", " entries") : $"fields with values: {string.Join(", ", DocumentKinds.TypeOf(target).Properties.Select(p => p.Name))}";
    }

    /// <summary>The words of an enumeration.</summary>
    internal static IReadOnlyList<string> WordsOf(JsonTypeInfo type)
    {
        var words = new List<string>();
        foreach (var value in Enum.GetValuesAsUnderlyingType(type.Type)) words.Add(JsonSerializer.SerializeToNode(Enum.ToObject(type.Type, value), type)!.GetValue<string>());
        return words;
    }

    private static int? WholeNumber(string text)
    {
        var digits = text.TrimStart('+');
        if (digits.StartsWith("0x", StringComparison.Ordinal)) return int.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : null;
        return int.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    private static string Below(string path, string field) => path.Length == 0 ? field : $"{path}.{field}";
}
