using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>A size in a document: <c>200M</c>, or a number of bytes.</summary>
internal sealed class SizeText : JsonConverter<long>
{
    /// <summary>What is expected, for people.</summary>
    public const string Expected = "a size such as 200M, or a number of bytes";

    /// <inheritdoc/>
    public override long Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var bytes) && bytes >= 0) return bytes;
        return reader.TokenType == JsonTokenType.String && WrittenQuantity.ParseSize(reader.GetString()!) is { } size ? size : throw new JsonException($"it should be {Expected}");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, long value, JsonSerializerOptions options) => writer.WriteStringValue(WrittenQuantity.Of(value));
}
