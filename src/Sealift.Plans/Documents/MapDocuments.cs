using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>What the storage of a source is at the target, and who copies from it.</summary>
public sealed record StorageMapDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.StorageMap;

    /// <summary>Its entries.</summary>
    [JsonPropertyOrder(2)]
    public required StorageMapSpec Spec { get; init; }
}

/// <summary>A storage map.</summary>
public sealed record StorageMapSpec
{
    /// <summary>The pairs; a storage of the source at most once.</summary>
    public required IReadOnlyList<StoragePair> Map { get; init; }
}

/// <summary>One storage of the source and what it is at the target.</summary>
public sealed record StoragePair
{
    /// <summary>A datastore, a pool, or a directory; <c>*</c> for all that are not named.</summary>
    public required DocumentReference Source { get; init; }

    /// <summary>What it is at the target.</summary>
    public required StorageDestination Destination { get; init; }
}

/// <summary>Storage at the target.</summary>
public sealed record StorageDestination
{
    /// <summary>For a libvirt target: the name of a storage pool. For a directory: a path below it; null for the directory itself.</summary>
    public string? StorageClass { get; init; }

    /// <summary>The format of disks there: <c>raw</c> or <c>qcow2</c>; null for raw.</summary>
    public string? Format { get; init; }

    /// <summary>Who copies: <c>auto</c>, <c>stream</c>, <c>reflink</c>, <c>copy-range</c>; null for auto.</summary>
    public string? Transfer { get; init; }
}

/// <summary>What the networks of a source are at the target.</summary>
public sealed record NetworkMapDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.NetworkMap;

    /// <summary>Its entries.</summary>
    [JsonPropertyOrder(2)]
    public required NetworkMapSpec Spec { get; init; }
}

/// <summary>A network map.</summary>
public sealed record NetworkMapSpec
{
    /// <summary>The pairs; a network of the source at most once.</summary>
    public required IReadOnlyList<NetworkPair> Map { get; init; }
}

/// <summary>One network of the source and what it is at the target.</summary>
public sealed record NetworkPair
{
    /// <summary>The network's name; <c>*</c> for all that are not named.</summary>
    public required DocumentReference Source { get; init; }

    /// <summary>What it is at the target.</summary>
    public required NetworkDestination Destination { get; init; }
}

/// <summary>A network at the target.</summary>
public sealed record NetworkDestination
{
    /// <summary>What kind.</summary>
    public required NetworkType Type { get; init; }

    /// <summary>The name of the libvirt network or of the bridge; null where <see cref="Type"/> is <see cref="NetworkType.Ignored"/>.</summary>
    public string? Name { get; init; }
}

/// <summary>Kinds of networks at the target.</summary>
public enum NetworkType
{
    /// <summary>A network of libvirt's.</summary>
    Network,

    /// <summary>A bridge of the host's.</summary>
    Bridge,

    /// <summary>None: the interface has a network of its own behind the host's address.</summary>
    Ignored,
}
