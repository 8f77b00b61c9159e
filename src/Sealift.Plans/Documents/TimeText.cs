using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>A length of time in a document: <c>90s</c>, <c>10m</c>, <c>2h</c>.</summary>
internal sealed class TimeText : JsonConverter<TimeSpan>
{
    /// <summary>What is expected, for people.</summary>
    public const string Expected = "a time such as 90s, 10m or 2h";

    /// <inheritdoc/>
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && WrittenQuantity.ParseTime(reader.GetString()!) is { } time ? time : throw new JsonException($"it should be {Expected}");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteStringValue(WrittenQuantity.Of(value));
}
