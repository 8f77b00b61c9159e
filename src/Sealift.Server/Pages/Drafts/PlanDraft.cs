using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Sealift.Plans.Documents;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>
/// A plan that somebody is writing: its documents as JSON, with every field as it was typed. So nothing that was typed is lost because it
/// cannot be understood yet, what these pages have no field for stays as it was, and what is wrong is said by the reader of documents.
/// </summary>
public sealed class PlanDraft
{
    /// <summary>A map of the plan's own has this name behind that of the plan.</summary>
    public const string StorageSuffix = "-storage", NetworkSuffix = "-network";

    private readonly JsonObject content;

    private PlanDraft(string id, long generation, DateTimeOffset changedAt, JsonObject content) => (Id, Generation, ChangedAt, this.content) = (id, generation, changedAt, content);

    /// <summary>What names it.</summary>
    public string Id { get; }

    /// <summary>The generation of the plan that it was made from; 0 for a new one.</summary>
    public long Generation { get; set; }

    /// <summary>When it was last changed, in UTC.</summary>
    public DateTimeOffset ChangedAt { get; }

    /// <summary>The plan's name; empty where none was given yet.</summary>
    public string Name => Text("metadata.name");

    /// <summary>The name of the provider that machines come from; empty where none was chosen.</summary>
    public string Source => Text("spec.provider.source.name");

    /// <summary>The name of the provider that receives them; empty where none was chosen.</summary>
    public string Destination => Text("spec.provider.destination.name");

    /// <summary>How many machines it has.</summary>
    public int MachineCount => Machines.Count;

    /// <summary>Its machines.</summary>
    public JsonArray Machines => List(Plan, "spec.vms");

    /// <summary>The plan.</summary>
    public JsonObject Plan => (JsonObject)content["plan"]!;

    /// <summary>A storage map of its own; null where it has none.</summary>
    public JsonObject? StorageMap
    {
        get => content["storageMap"] as JsonObject;
        set => content["storageMap"] = value;
    }

    /// <summary>A network map of its own; null where it has none.</summary>
    public JsonObject? NetworkMap
    {
        get => content["networkMap"] as JsonObject;
        set => content["networkMap"] = value;
    }

    /// <summary>The generation of the storage map of its own that it was made from; 0 where there must be none of that name.</summary>
    public long StorageGeneration
    {
        get => (long?)content["storageGeneration"] ?? 0;
        set => content["storageGeneration"] = value;
    }

    /// <summary>The same of the network map.</summary>
    public long NetworkGeneration
    {
        get => (long?)content["networkGeneration"] ?? 0;
        set => content["networkGeneration"] = value;
    }

    /// <summary>A draft of a plan that is not there yet.</summary>
    public static PlanDraft New(string id, DateTimeOffset now) => new(id, 0, now, new JsonObject
    {
        ["plan"] = new JsonObject { ["apiVersion"] = Document.Version, ["kind"] = DocumentKind.Plan, ["metadata"] = new JsonObject(), ["spec"] = new JsonObject() },
    });

    /// <summary>A draft of the change of a plan.</summary>
    /// <param name="id">What shall name it.</param>
    /// <param name="now">When.</param>
    /// <param name="generation">The plan's generation.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="storage">The storage map that it names; taken into the draft where it is the plan's own.</param>
    /// <param name="network">The network map that it names; likewise.</param>
    public static PlanDraft Of(string id, DateTimeOffset now, long generation, PlanDocument plan, StoredDocument? storage, StoredDocument? network)
    {
        var draft = new PlanDraft(id, generation, now, new JsonObject { ["plan"] = Json(plan) });
        if (storage?.Document.Metadata.Name == plan.Metadata.Name + StorageSuffix) (draft.StorageMap, draft.StorageGeneration) = (Json(storage.Document), storage.Generation);
        if (network?.Document.Metadata.Name == plan.Metadata.Name + NetworkSuffix) (draft.NetworkMap, draft.NetworkGeneration) = (Json(network.Document), network.Generation);
        return draft;
    }

    /// <summary>The generation that a document of the draft replaces; 0 where there must be none.</summary>
    /// <param name="kind">The document's kind, of <see cref="DocumentKind"/>.</param>
    public long GenerationOf(string kind) => kind switch
    {
        DocumentKind.StorageMap => StorageGeneration,
        DocumentKind.NetworkMap => NetworkGeneration,
        _ => Generation,
    };

    /// <summary>A draft out of the database.</summary>
    public static PlanDraft Stored(string id, long generation, DateTimeOffset changedAt, string content) => new(id, generation, changedAt, (JsonObject)JsonNode.Parse(content)!);

    /// <summary>As it goes into the database.</summary>
    public string ToContent() => content.ToJsonString();

    /// <summary>A field of the plan as text; empty where it is not there.</summary>
    /// <param name="path">Such as <c>spec.limits.machines</c>.</param>
    public string Text(string path) => Text(Plan, path);

    /// <summary>A field of an object as text; empty where it is not there.</summary>
    public static string Text(JsonNode? node, string path)
    {
        foreach (var name in path.Split('.')) node = (node as JsonObject)?[name];
        return node is JsonValue value ? value.ToString() : string.Empty;
    }

    /// <summary>Sets a field of the plan from what was typed; nothing typed takes it away, and what then is empty around it.</summary>
    /// <param name="path">Such as <c>spec.limits.machines</c>.</param>
    /// <param name="typed">What was typed.</param>
    /// <param name="kind">What should have been typed.</param>
    public void Set(string path, string? typed, FieldKind kind = FieldKind.Text) => Set(Plan, path.Split('.'), Value(typed, kind));

    /// <summary>Sets a list, or takes it away where it is empty.</summary>
    public void Set(string path, JsonArray list) => Set(Plan, path.Split('.'), list.Count == 0 ? null : list);

    /// <summary>A list of the plan; an empty one where it is not there.</summary>
    public JsonArray ListOf(string path) => List(Plan, path, add: false);

    /// <summary>What was typed, as JSON.</summary>
    public static JsonNode? Value(string? typed, FieldKind kind)
    {
        var text = typed?.Trim();
        if (string.IsNullOrEmpty(text)) return null;
        return kind switch
        {
            FieldKind.Number when int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
            FieldKind.Flag => JsonValue.Create(text == "true"),
            FieldKind.Instant => JsonValue.Create(FormInstant.ToDocument(text)),
            _ => JsonValue.Create(text),
        };
    }

    /// <summary>Gives the maps of its own the names that go with the plan's, and has the plan name them.</summary>
    public void NameMaps()
    {
        if (StorageMap is { } storage)
        {
            Set(storage, ["metadata", "name"], JsonValue.Create(Name + StorageSuffix));
            Set("spec.map.storage.name", Name + StorageSuffix);
        }

        if (NetworkMap is { } network)
        {
            Set(network, ["metadata", "name"], JsonValue.Create(Name + NetworkSuffix));
            Set("spec.map.network.name", Name + NetworkSuffix);
        }
    }

    /// <summary>The documents that it is, those before the plan that the plan names.</summary>
    /// <exception cref="SealiftException">SL76xx: what is wrong, and where.</exception>
    public IReadOnlyList<Document> Read()
    {
        NameMaps();
        List<Document> documents = [];
        foreach (var (what, json) in new[] { ("storage map", StorageMap), ("network map", NetworkMap), ("plan", Plan) })
        {
            if (json is not null) documents.AddRange(DocumentReader.Read(Encoding.UTF8.GetBytes(json.ToJsonString()), what).Select(r => r.Document));
        }

        return documents;
    }

    /// <summary>What is wrong with it; null where nothing is.</summary>
    public DraftMistake? Mistake()
    {
        try
        {
            _ = Read(); // only whether it can be
            return null;
        }
        catch (SealiftException e) when (e.Code.StartsWith("SL76", StringComparison.Ordinal))
        {
            return DraftMistake.Of(e);
        }
    }

    /// <summary>A map without entries.</summary>
    public static JsonObject Map(string kind, JsonArray entries) => new()
    {
        ["apiVersion"] = Document.Version,
        ["kind"] = kind,
        ["metadata"] = new JsonObject(),
        ["spec"] = new JsonObject { ["map"] = entries },
    };

    private static JsonObject Json(Document document) => (JsonObject)JsonNode.Parse(DocumentWriter.ToJson(document))!;

    private static JsonArray List(JsonObject root, string path, bool add = true)
    {
        JsonNode? node = root;
        foreach (var name in path.Split('.')) node = (node as JsonObject)?[name];
        if (node is JsonArray list) return list;
        var made = new JsonArray();
        if (add) Set(root, path.Split('.'), made);
        return made;
    }

    private static void Set(JsonObject node, ReadOnlySpan<string> path, JsonNode? value)
    {
        if (path.Length == 1)
        {
            if (value is null) node.Remove(path[0]);
            else node[path[0]] = value;
            return;
        }

        if (node[path[0]] is not JsonObject inner)
        {
            if (value is null) return;
            node[path[0]] = inner = [];
        }

        Set(inner, path[1..], value);
        if (inner.Count == 0 && path[0] is not ("metadata" or "spec")) node.Remove(path[0]);
    }
}

/// <summary>What a field of a form is for.</summary>
public enum FieldKind
{
    /// <summary>A text, or what is written as one: a time, a size, a word.</summary>
    Text,

    /// <summary>A whole number.</summary>
    Number,

    /// <summary>Whether something is so.</summary>
    Flag,

    /// <summary>A point in time, in UTC.</summary>
    Instant,
}

/// <summary>What is wrong with a draft.</summary>
/// <param name="Field">The field's path; empty where it is no one field.</param>
/// <param name="Step">The step of the wizard that has it.</param>
/// <param name="Said">What is wrong, and what it should be: sentences.</param>
/// <param name="Code">The error's code.</param>
public sealed record DraftMistake(string Field, string Step, string Said, string Code)
{
    /// <summary>What an error of the reader means.</summary>
    public static DraftMistake Of(SealiftException e)
    {
        // The reader names place and field as "plan:1:33 spec.vms".
        var space = e.Subject.LastIndexOf(' ');
        var field = space >= 0 && e.Subject.Contains(':', StringComparison.Ordinal) ? e.Subject[(space + 1)..] : string.Empty;
        var isMap = e.Subject.StartsWith("storage map", StringComparison.Ordinal) || e.Subject.StartsWith("network map", StringComparison.Ordinal);
        return new DraftMistake(field, isMap ? "maps" : StepOf(field), $"{field}{(field.Length > 0 ? ": " : string.Empty)}{e.Said}. {e.NextStep}.", e.Code);
    }

    /// <summary>The step of the wizard that has a field of the plan.</summary>
    /// <param name="field">The field's path.</param>
    public static string StepOf(string field) => field switch
    {
        _ when field.StartsWith("spec.vms", StringComparison.Ordinal) => "machines",
        _ when field.StartsWith("spec.map", StringComparison.Ordinal) => "maps",
        _ when field.StartsWith("spec.precopy", StringComparison.Ordinal) || DraftForms.Way.Any(w => w.Path == field) => "way",
        _ when field.StartsWith("metadata", StringComparison.Ordinal) || field.StartsWith("spec.provider", StringComparison.Ordinal) || field == "spec.description" => "plan",
        _ => "policies",
    };
}
