using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>An instant in a document, RFC 3339 with its offset: a plan means the same on every server, whatever its zone.</summary>
internal sealed class InstantText : JsonConverter<DateTimeOffset>
{
    /// <summary>What is expected, for people.</summary>
    public const string Expected = "a time with its offset, such as 2026-11-28T22:00:00+01:00 or 2026-11-28T21:00:00Z";

    private static readonly string[] Forms = ["yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>Reads one; null where the text is none.</summary>
    public static DateTimeOffset? Parse(string text) =>
        HasOffset(text) && DateTimeOffset.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) ? at : null;

    /// <inheritdoc/>
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Parse(reader.GetString()!) is { } at ? at : throw new JsonException($"it should be {Expected}");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(Of(value));

    /// <summary>Writes one.</summary>
    public static string Of(DateTimeOffset at) => at.Offset == TimeSpan.Zero
        ? at.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture)
        : at.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", CultureInfo.InvariantCulture);

    // Without one, TryParseExact would take the zone of this machine.
    private static bool HasOffset(string text) => text.EndsWith('Z') || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':');
}
