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

    /// <summary>Attempts something for whoever sends a request, and writes down what came of it, whatever that is.</summary>
    /// <param name="audit">The log.</param>
    /// <param name="context">The request.</param>
    /// <param name="action">What is attempted, such as <c>run.begin</c>.</param>
    /// <param name="what">On what; asked once it is over.</param>
    /// <param name="outcome">What came of it; null where there was nothing to do, and nothing is to be written down.</param>
    /// <param name="attempt">Does it.</param>
    public static async Task<T> AttemptAsync<T>(this AuditLog audit, HttpContext context, string action, Func<string> what, Func<T, string?> outcome, Func<ValueTask<T>> attempt)
    {
        try
        {
            var result = await attempt();
            if (outcome(result) is { } end) await audit.AddAsync(context, action, what(), end);
            return result;
        }
        catch (SealiftException e)
        {
            await audit.AddAsync(context, action, what(), e.Code);
            throw;
        }
        catch
        {
            // Given up, or a fault of ours: what was done until then may stay.
            await audit.AddAsync(context, action, what(), "unfinished");
            throw;
        }
    }

    /// <summary>Writes down each request of an endpoint with what came of it.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="action">What it does, such as <c>run.cutover</c>.</param>
    public static RouteHandlerBuilder Audited(this RouteHandlerBuilder builder, string action) => builder.AddEndpointFilter(async (invocation, next) =>
    {
        var context = invocation.HttpContext;
        var address = string.Join('/', context.Request.RouteValues.Values.OfType<string>());
        return await context.RequestServices.GetRequiredService<AuditLog>().AttemptAsync(
            context,
            action,
            () => context.Items[ObjectKey] as string ?? address,
            result => (result as IStatusCodeHttpResult)?.StatusCode is >= 400 and var status ? $"HTTP {status}" : "done",
            () => next(invocation));
    });

    /// <summary>Says what a request is about, where its address does not.</summary>
    public static void IsAbout(this HttpContext context, string what) => context.Items[ObjectKey] = what;

    /// <summary>Who sends a request.</summary>
    public static string Actor(this HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("Nobody is logged in here");

    private static readonly object ObjectKey = new();
}
