using System.Text.Json;

namespace Sealift.EndToEnd;

/// <summary>A seal, read without any code of the product.</summary>
internal static class SealFile
{
    public static JsonElement PredicateOf(string path)
    {
        using var envelope = JsonDocument.Parse(File.ReadAllText(path));
        using var statement = JsonDocument.Parse(envelope.RootElement.GetProperty("payload").GetBytesFromBase64());
        return statement.RootElement.GetProperty("predicate").Clone();
    }
}
