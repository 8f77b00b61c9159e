using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Plans.Hooks;

/// <summary>What a hook reads from its standard input, as JSON. Never a secret.</summary>
public sealed record HookInput
{
    /// <summary>What the plan calls the machine.</summary>
    public required string Machine { get; init; }

    /// <summary>The plan.</summary>
    public required string Plan { get; init; }

    /// <summary>The run of the plan.</summary>
    public required string Run { get; init; }

    /// <summary>The id of the machine's migration.</summary>
    public required string Migration { get; init; }

    /// <summary><c>PreHook</c> or <c>PostHook</c>.</summary>
    public required string Step { get; init; }

    /// <summary>How the migration ended: <c>sealed</c> or <c>degraded</c>; null before it.</summary>
    public string? Verdict { get; init; }

    /// <summary>The signed report; null before the migration.</summary>
    public string? SealPath { get; init; }

    /// <summary>The libvirt domain that was handed over; null before the migration.</summary>
    public string? DomainPath { get; init; }

    /// <summary>As JSON, one line.</summary>
    internal string ToJson() => JsonSerializer.Serialize(this, HookJson.Default.HookInput) + "\n";
}

/// <summary>The JSON of hooks.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HookInput))]
internal sealed partial class HookJson : JsonSerializerContext;
