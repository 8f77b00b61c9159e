using System.Security.Claims;
using Sealift.Posix;
using Sealift.Server.Auditing;
using Sealift.Server.Security;

namespace Sealift.Server.Api;

/// <summary>Requests that change something, in the audit log.</summary>
internal static class AuditingOfRequests
{
    /// <summary>Adds an entry for whoever sends a request.</summary>
    public static Task AddAsync(this AuditLog audit, HttpContext context, string action, string what, string outcome) => audit.AddAsync(
        context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? string.Empty,
        context.User.FindFirstValue(SessionAuthentication.ViaClaim) ?? string.Empty,
        context.Connection.RemoteIpAddress?.ToString() ?? string.Empty,
        action,
        what,
        outcome,
        CancellationToken.None); // a browser that goes away does not take the entry with it

    /// <summary>Writes down each request of an endpoint with what came of it.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="action">What it does, such as <c>run.cutover</c>.</param>
    public static RouteHandlerBuilder Audited(this RouteHandlerBuilder builder, string action) => builder.AddEndpointFilter(async (invocation, next) =>
    {
        var context = invocation.HttpContext;
        var audit = context.RequestServices.GetRequiredService<AuditLog>();
        var what = string.Join('/', context.Request.RouteValues.Values.OfType<string>());
        try
        {
            var result = await next(invocation);
            await audit.AddAsync(context, action, context.Items[ObjectKey] as string ?? what, (result as IStatusCodeHttpResult)?.StatusCode is >= 400 and var status ? $"HTTP {status}" : "done");
            return result;
        }
        catch (SealiftException e)
        {
            await audit.AddAsync(context, action, context.Items[ObjectKey] as string ?? what, e.Code);
            throw;
        }
        catch
        {
            // Given up, or a fault of ours: what was done until then may stay.
            await audit.AddAsync(context, action, context.Items[ObjectKey] as string ?? what, "unfinished");
            throw;
        }
    });

    /// <summary>Says what a request is about, where its address does not.</summary>
    public static void IsAbout(this HttpContext context, string what) => context.Items[ObjectKey] = what;

    /// <summary>Who sends a request.</summary>
    public static string Actor(this HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("Nobody is logged in here");

    private static readonly object ObjectKey = new();
}
