using Sealift.Plans;

namespace Sealift.Server;

/// <summary>What a server is put together from; tests put in their own.</summary>
internal sealed record ServerParts
{
    /// <summary>Makes the plans' service; null for the one that carries plans out.</summary>
    public Func<IServiceProvider, IPlanService>? Plans { get; init; }

    /// <summary>What time it is.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called with the builder of the application, last.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }
}
