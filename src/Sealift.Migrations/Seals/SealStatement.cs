using System.Text.Json;
using System.Text.Json.Serialization;
using Sealift.Blkhash;

namespace Sealift.Migrations.Seals;

/// <summary>
/// The in-toto statement (github.com/in-toto/attestation, spec v1, statement.md): which files, by digest, the predicate speaks of.
/// </summary>
public sealed record SealStatement
{
    /// <summary>The type of a statement of version 1.</summary>
    public const string TypeUri = "https://in-toto.io/Statement/v1";

    /// <summary><see cref="TypeUri"/>.</summary>
    [JsonPropertyName("_type")]
    [JsonPropertyOrder(-4)]
    public required string Type { get; init; }

    /// <summary>The files handed over, each with its digest. Empty where nothing was handed over.</summary>
    [JsonPropertyOrder(-3)]
    public required IReadOnlyList<SealSubject> Subject { get; init; }

    /// <summary><see cref="SealPredicate.Type"/>.</summary>
    [JsonPropertyOrder(-2)]
    public required string PredicateType { get; init; }

    /// <summary>What is said of them.</summary>
    [JsonPropertyOrder(-1)]
    public required SealPredicate Predicate { get; init; }

    /// <summary>The statement that carries a predicate.</summary>
    public static SealStatement Of(SealPredicate predicate) => new()
    {
        Type = TypeUri,
        Subject = SubjectsOf(predicate),
        PredicateType = SealPredicate.Type,
        Predicate = predicate,
    };

    /// <summary>The digest's name in a subject: <c>blkhash-sha256-64k</c>, as <see cref="BlkhashParameters.Name"/> spells it.</summary>
    public static string DigestNameOf(SealedDisk disk) => ParametersOf(disk).Name;

    internal static BlkhashParameters ParametersOf(SealedDisk disk) => new(BlkhashParameters.ParseAlgorithm(disk.Algorithm), disk.BlockBytes);

    /// <summary>As UTF-8 JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SealJson.Default.SealStatement);

    /// <summary>Reads a statement from a payload whose signature was checked, and refuses what it does not know.</summary>
    /// <param name="payload">The payload of the envelope.</param>
    /// <param name="path">What errors call it.</param>
    /// <exception cref="Sealift.Posix.SealiftException">It is not a statement of this version, or contradicts itself (SL7504).</exception>
    public static SealStatement Parse(ReadOnlyMemory<byte> payload, string path)
    {
        try
        {
            using (var document = JsonDocument.Parse(payload, new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false }))
            {
                var root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object) throw SealErrors.NotASeal(path, "its payload is not a JSON object");
                Expect(root, "_type", TypeUri, path);
                Expect(root, "predicateType", SealPredicate.Type, path);
                RefuseNulls(root, path);
            }

            var statement = JsonSerializer.Deserialize(payload.Span, SealJson.Default.SealStatement)!;
            IReadOnlyList<string> wrong = SealContradictions.Of(statement.Predicate);
            if (wrong.Count > 0) throw SealErrors.NotASeal(path, $"it contradicts itself: {string.Join("; ", wrong)}");
            if (!SubjectsOf(statement.Predicate).SequenceEqual(statement.Subject)) throw SealErrors.NotASeal(path, "it contradicts itself: its subjects are not the files that its predicate names");
            return statement;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw SealErrors.NotASeal(path, $"its statement is not well-formed: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static List<SealSubject> SubjectsOf(SealPredicate predicate)
    {
        if (predicate.Verdict is not (Verdict.Sealed or Verdict.Degraded)) return [];
        var subjects = new List<SealSubject>();
        foreach (var disk in predicate.Disks)
        {
            subjects.Add(new SealSubject(disk.TargetFile, DigestNameOf(disk), disk.FinalRoot!));
            if (disk.BlockMap is { } map) subjects.Add(new SealSubject(map.Name, "sha256", map.Sha256));
        }

        subjects.AddRange(predicate.HandedOver.Select(f => new SealSubject(f.Name, "sha256", f.Sha256)));
        return subjects;
    }

    private static void Expect(JsonElement root, string name, string value, string path)
    {
        var found = root.TryGetProperty(name, out var element) && element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        if (found != value) throw SealErrors.NotASeal(path, found is null ? $"\"{name}\" is missing" : $"its {name} is \"{(found.Length > 200 ? found[..200] + "…" : found)}\", and this version of Sealift reads only \"{value}\"");
    }

    // The deserializer knows that a property may not be null; an element of a list it does not check.
    private static void RefuseNulls(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in element.EnumerateObject()) RefuseNulls(member.Value, path);
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Null) throw SealErrors.NotASeal(path, "a list in it holds null");
                RefuseNulls(item, path);
            }
        }
    }
}

/// <summary>A file and its digest: an in-toto resource descriptor.</summary>
public sealed record SealSubject
{
    /// <summary>Creates a descriptor with one digest.</summary>
    public SealSubject(string name, string digestName, string digest) : this(name, new SortedDictionary<string, string>(StringComparer.Ordinal) { [digestName] = digest })
    {
    }

    /// <summary>Creates a descriptor.</summary>
    [JsonConstructor]
    public SealSubject(string name, SortedDictionary<string, string> digest)
    {
        Name = name;
        Digest = digest;
    }

    /// <summary>The file's name beside the seal.</summary>
    public string Name { get; }

    /// <summary>Digest by algorithm.</summary>
    public SortedDictionary<string, string> Digest { get; }

    /// <inheritdoc/>
    public bool Equals(SealSubject? other) => other is not null && Name == other.Name && Digest.SequenceEqual(other.Digest);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Digest.Count);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = 32)]
[JsonSerializable(typeof(SealStatement))]
internal sealed partial class SealJson : JsonSerializerContext;
