using System.Net;
using Microsoft.AspNetCore.Authorization;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Database;

namespace Sealift.Server.Metrics;

/// <summary><c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c>.</summary>
internal static class Health
{
    /// <summary>Maps them. Whether the server lives and is ready is no secret, and tells nothing else.</summary>
    public static void MapHealth(this WebApplication application, ServerOptions options)
    {
        application.MapGet("/healthz", () => Results.Text("ok\n")).AllowAnonymous().ExcludeFromDescription();
        application.MapGet("/readyz", async (ServerDatabase database, IServiceProvider services, CancellationToken cancel) =>
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            deadline.CancelAfter(TimeSpan.FromSeconds(5));
            try
            {
                _ = await database.QueryAsync("SELECT 1", r => r.GetInt32(0), deadline.Token); // that it answers is the answer
                return services.GetService<PlanCarrier>()?.Trouble is { } trouble
                    ? Results.Text($"plans are not looked after: {trouble}\n", statusCode: StatusCodes.Status503ServiceUnavailable)
                    : Results.Text("ok\n");
            }
            catch (Exception e) when (e is SealiftException or OperationCanceledException)
            {
                return Results.Text($"the database does not answer: {(e as SealiftException)?.Code ?? "timeout"}\n", statusCode: StatusCodes.Status503ServiceUnavailable);
            }
        }).AllowAnonymous().ExcludeFromDescription();
        var metrics = application.MapGet("/metrics", async (MetricsText text, CancellationToken cancel) => Results.Text(await text.WriteAsync(cancel), "text/plain; version=0.0.4")).ExcludeFromDescription();
        if (options.OpenMetrics) metrics.RequireAuthorization(p => p.RequireAssertion(c => c.User.Has(Scope.Read) || (c.Resource is HttpContext { Connection.RemoteIpAddress: { } address } && IPAddress.IsLoopback(address))));
        else metrics.RequireAuthorization(Scope.Read);
    }
}
