using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>What all kinds of documents have: <c>apiVersion</c>, <c>kind</c>, <c>metadata</c>, <c>spec</c>, as in Kubernetes.</summary>
public abstract record Document
{
    /// <summary>The one version there is.</summary>
    public const string Version = "sealift.io/v1alpha1";

    /// <summary><see cref="Version"/>.</summary>
    [JsonPropertyOrder(-1)]
    public string ApiVersion { get; init; } = Version;

    /// <summary>Its name and labels.</summary>
    [JsonPropertyOrder(1)]
    public required DocumentMetadata Metadata { get; init; }

    /// <summary>The word of <c>kind</c>: one of <see cref="DocumentKind"/>.</summary>
    public abstract string Kind { get; }
}

/// <summary>The words of <c>kind</c>.</summary>
public static class DocumentKind
{
    /// <summary><see cref="ProviderDocument"/>.</summary>
    public const string Provider = "Provider";

    /// <summary><see cref="PlanDocument"/>.</summary>
    public const string Plan = "Plan";

    /// <summary><see cref="StorageMapDocument"/>.</summary>
    public const string StorageMap = "StorageMap";

    /// <summary><see cref="NetworkMapDocument"/>.</summary>
    public const string NetworkMap = "NetworkMap";

    /// <summary><see cref="HookDocument"/>.</summary>
    public const string Hook = "Hook";

    /// <summary><see cref="MigrationDocument"/>.</summary>
    public const string Migration = "Migration";

    /// <summary>All of them, each after those that it may name.</summary>
    public static IReadOnlyList<string> All { get; } = [Provider, StorageMap, NetworkMap, Hook, Plan, Migration];
}

/// <summary>What a document is called.</summary>
public sealed record DocumentMetadata
{
    /// <summary>Lower-case letters, digits, dashes and dots, 1 to 63; unique among the documents of a kind.</summary>
    public required string Name { get; init; }

    /// <summary>Words of the user's own; at most 64.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>A document of the same store, by name.</summary>
public sealed record DocumentReference
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
}
