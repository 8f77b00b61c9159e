using Sealift.Plans;
using Sealift.Server.Accounts;

namespace Sealift.Server;

/// <summary>What a server is put together from; tests put in their own.</summary>
internal sealed record ServerParts
{
    /// <summary>Makes the plans' service; null for the one that carries plans out.</summary>
    public Func<IServiceProvider, IPlanService>? Plans { get; init; }

    /// <summary>What time it is.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Rounds of a password's hash: tests, which log in often, take fewer.</summary>
    public int PasswordRounds { get; init; } = UserAccounts.Rounds;

    /// <summary>How often a stream of events without news says that it is there.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Called with the builder of the application, last.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }
}
