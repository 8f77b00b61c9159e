using System.Text;
using System.Text.Json;

namespace Sealift.Plans.Documents;

/// <summary>JSON as a tree: RFC 8259, one document or a list of them.</summary>
internal static class JsonDocuments
{
    /// <summary>Reads all documents of a file.</summary>
    /// <param name="content">The file, UTF-8.</param>
    /// <param name="file">Its name, for errors.</param>
    /// <exception cref="Posix.SealiftException">SL7601, SL7603, SL7605.</exception>
    public static List<DocumentNode> Read(ReadOnlySpan<byte> content, string file)
    {
        // Two deeper than what is allowed, so that our own limit speaks first.
        var reader = new Utf8JsonReader(content, new JsonReaderOptions { MaxDepth = DocumentLimits.Depth + 2 });
        var limits = new DocumentLimits(file);
        var places = new Places(content);
        try
        {
            if (!reader.Read()) return [];
            var root = Value(ref reader, file, limits, ref places, 1);
            if (reader.Read()) throw DocumentErrors.Malformed(file, places.Of(reader.TokenStartIndex), "JSON", "something follows after the end");
            return root.Kind == NodeKind.List ? root.Items : [root];
        }
        catch (JsonException e)
        {
            throw DocumentErrors.Malformed(file, new FilePosition((int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1), "JSON", e.Message.Split(" LineNumber:")[0], e);
        }
        catch (InvalidOperationException e)
        {
            // What the reader throws for text that escapes half of a surrogate pair.
            throw DocumentErrors.Malformed(file, places.Of(reader.TokenStartIndex), "JSON", e.Message, e);
        }
    }

    private static DocumentNode Value(ref Utf8JsonReader reader, string file, DocumentLimits limits, ref Places places, int depth)
    {
        var at = places.Of(reader.TokenStartIndex);
        limits.Count(at, depth);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                var list = new DocumentNode(NodeKind.List, string.Empty, at);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) list.Items.Add(Value(ref reader, file, limits, ref places, depth + 1));
                return list;
            case JsonTokenType.StartObject:
                var fields = new DocumentNode(NodeKind.Fields, string.Empty, at);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var (name, place) = (reader.GetString()!, places.Of(reader.TokenStartIndex));
                    if (!reader.Read()) break; // the reader throws for what ends too soon
                    var value = Value(ref reader, file, limits, ref places, depth + 1);
                    if (fields.Fields.TryGetValue(name, out var first)) throw DocumentErrors.Twice(file, place, name, first.Position);
                    fields.Fields.Add(name, new DocumentField(place, value));
                }

                return fields;
            case JsonTokenType.String:
                return new DocumentNode(NodeKind.Text, reader.GetString()!, at);
            case JsonTokenType.Number:
                return new DocumentNode(NodeKind.Number, Encoding.UTF8.GetString(reader.ValueSpan), at);
            case JsonTokenType.True or JsonTokenType.False:
                return new DocumentNode(NodeKind.Boolean, reader.TokenType == JsonTokenType.True ? "true" : "false", at);
            default:
                return new DocumentNode(NodeKind.Null, string.Empty, at);
        }
    }

    /// <summary>Lines and columns of offsets that only grow: each byte is looked at once, however long a line is.</summary>
    private ref struct Places(ReadOnlySpan<byte> content)
    {
        private readonly ReadOnlySpan<byte> content = content;
        private int seen;
        private int line = 1;
        private int column = 1;

        public FilePosition Of(long offset)
        {
            for (; seen < offset; seen++)
            {
                var value = content[seen];
                if (value == '\n') (line, column) = (line + 1, 1);
                else column += (value & 0xC0) == 0x80 ? 0 : value >= 0xF0 ? 2 : 1; // characters of UTF-16, as in YAML
            }

            return new FilePosition(line, column);
        }
    }
}
