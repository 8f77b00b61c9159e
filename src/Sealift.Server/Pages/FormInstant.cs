using System.Globalization;

namespace Sealift.Server.Pages;

/// <summary>Points in time in forms: <c>datetime-local</c> fields, which know no zone, and are said to be in UTC.</summary>
internal static class FormInstant
{
    private static readonly string[] Forms = ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm"];

    /// <summary>What a form says; null where nothing was typed.</summary>
    /// <exception cref="Posix.SealiftException">SL9109: it is no point in time.</exception>
    public static DateTimeOffset? Parse(string field, string? typed)
    {
        if (string.IsNullOrWhiteSpace(typed)) return null;
        return DateTime.TryParseExact(typed.Trim(), Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) ? new DateTimeOffset(at, TimeSpan.Zero) : throw PageErrors.BadForm(field, "it should be a date and a time in UTC, such as 2026-11-28T21:00");
    }

    /// <summary>What a document says for what was typed; what is no point in time stays as it is, for the reader of documents to refuse.</summary>
    public static string ToDocument(string typed) => DateTime.TryParseExact(typed, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) ? at.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : typed;

    /// <summary>What a field shows for what a document says.</summary>
    public static string ToField(string document) => DateTimeOffset.TryParse(document, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture) : document;
}
