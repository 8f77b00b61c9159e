using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>A program that runs before or after a machine is migrated.</summary>
public sealed record HookDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.Hook;

    /// <summary>What is run.</summary>
    [JsonPropertyOrder(2)]
    public required HookSpec Spec { get; init; }
}

/// <summary>What a hook runs. Exactly one of <see cref="Program"/> and <see cref="Image"/>.</summary>
public sealed record HookSpec
{
    /// <summary>The absolute path of a program. It is told of the machine as JSON on its standard input, and is run again where it was interrupted: it must bear that.</summary>
    public string? Program { get; init; }

    /// <summary>Its arguments; no shell reads them.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>A container image, run by podman with no network unless <see cref="Network"/>.</summary>
    public string? Image { get; init; }

    /// <summary>Whether the container may use the host's network.</summary>
    public bool Network { get; init; }

    /// <summary>How long it may take, in seconds, 1 to 86,400, as in Forklift; default 600.</summary>
    public int Deadline { get; init; } = 600;

    /// <summary>What its failure means.</summary>
    public HookFailure OnFailure { get; init; } = HookFailure.Fail;

    /// <summary>Hooks whose success this one needs before it runs, for the same machine and at the same step.</summary>
    public IReadOnlyList<DocumentReference> After { get; init; } = [];
}

/// <summary>What a hook's failure means for its machine.</summary>
public enum HookFailure
{
    /// <summary>The machine is not migrated; after the migration, it counts as failed although it was handed over.</summary>
    Fail,

    /// <summary>It is written down, shown, and the machine goes on.</summary>
    Continue,
}
