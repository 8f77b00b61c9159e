using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.RateLimiting;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Auditing;

namespace Sealift.Server.Security;

/// <summary>What stands before every request: the name that it was called by, where it comes from, how much of it there is, and who sends it.</summary>
internal static class Guard
{
    /// <summary>The longest body of a request, in bytes.</summary>
    public const int LongestBody = 8 << 20;

    /// <summary>The header that a page's script sends with what it asks for, so that no other site can: a browser asks us before it lets that one send it, and we never agree.</summary>
    public const string CrossSiteHeader = "X-Sealift-Request";

    /// <summary>The policy of requests for a login.</summary>
    public const string LoginRate = "login";

    /// <summary>Whom it lets in, as services.</summary>
    public static void AddGuard(this IServiceCollection services, ServerOptions options)
    {
        var authentication = services.AddAuthentication(o =>
            {
                o.DefaultScheme = "either";
                o.DefaultSignInScheme = SessionAuthentication.SchemeName;
                o.DefaultSignOutScheme = SessionAuthentication.SchemeName;
            })
            .AddPolicyScheme("either", null, o => o.ForwardDefaultSelector = context => TokenAuthentication.IsUsedBy(context.Request) ? TokenAuthentication.SchemeName : SessionAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, SessionAuthentication>(SessionAuthentication.SchemeName, null)
            .AddScheme<AuthenticationSchemeOptions, TokenAuthentication>(TokenAuthentication.SchemeName, null);
        if (options.Oidc is { } oidc) ExternalLogin.Add(authentication, oidc, options);
        var authorization = services.AddAuthorizationBuilder();
        // What says nothing of who may is for those who are logged in.
        var read = new AuthorizationPolicyBuilder().RequireClaim(Scope.ClaimType, Scope.Read).Build();
        authorization.SetFallbackPolicy(read);
        authorization.SetDefaultPolicy(read);
        foreach (var scope in Scope.All) authorization.AddPolicy(scope, p => p.RequireClaim(Scope.ClaimType, scope));
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, Denials>();
        services.AddAntiforgery(o =>
        {
            o.Cookie.Name = options.IsTls ? "__Host-sealift-form" : "sealift-form";
            o.Cookie.SameSite = SameSiteMode.Strict;
            o.Cookie.HttpOnly = true;
            o.Cookie.SecurePolicy = options.IsTls ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            o.SuppressXFrameOptionsHeader = true; // frame-ancestors says it, for every page
        });
        services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
                Who(context),
                _ => new TokenBucketRateLimiterOptions { TokenLimit = options.RequestBurst, TokensPerPeriod = Math.Max(1, options.RequestBurst / 10), ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0 }));
            limiter.AddPolicy(LoginRate, context => RateLimitPartition.GetFixedWindowLimiter(
                From(context),
                _ => new FixedWindowRateLimiterOptions { PermitLimit = options.LoginsPerMinute, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 }));
            limiter.OnRejected = async (rejected, cancel) =>
            {
                var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, (int)Math.Ceiling(after.TotalSeconds)) : 1;
                rejected.HttpContext.Response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
                await Problem.WriteAsync(rejected.HttpContext, StatusCodes.Status429TooManyRequests, ServerErrors.TooManyRequests(wait));
            };
        });
    }

    /// <summary>What is looked at before anything else: the host, the headers of the answer, and whether another site sends it.</summary>
    public static void UseGuard(this WebApplication application, ServerOptions options)
    {
        var hosts = HostNames(options);
        application.Use(async (context, next) =>
        {
            SetHeaders(context.Response.Headers, options);
            // Whoever makes a name of theirs point at us (DNS rebinding) has a page in a browser that may then ask us anything.
            if (!hosts.Contains(context.Request.Host.Host))
            {
                await Problem.WriteAsync(context, StatusCodes.Status421MisdirectedRequest, ServerErrors.ForeignHost(context.Request.Host.Host));
                return;
            }

            if (IsUnsafe(context.Request) && IsCrossSite(context.Request))
            {
                await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, ServerErrors.CrossSite());
                return;
            }

            await next(context);
        });
    }

    /// <summary>Requests of the API by a cookie must have a header that no other site can make a browser send.</summary>
    public static void UseCookieGuard(this WebApplication application) => application.Use(async (context, next) =>
    {
        if (IsUnsafe(context.Request) && context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) && !TokenAuthentication.IsUsedBy(context.Request) && context.Request.Headers[CrossSiteHeader].Count == 0)
        {
            await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, ServerErrors.CrossSite());
            return;
        }

        await next(context);
    });

    /// <summary>Who sends a request: the user, or the address.</summary>
    private static string Who(HttpContext context) => context.User.FindFirst(System.Security.Claims.ClaimTypes.NameIdentifier)?.Value is { } user ? $"user {user}" : $"address {From(context)}";

    private static string From(HttpContext context) => context.Connection.RemoteIpAddress is { } address ? AddressOf(address) : string.Empty;

    /// <summary>What counts as one address. Whoever has an IPv6 address has all of its /64 (RFC 4291, 2.5.4), and would be somebody new with each; IPv4 may come in the dress of IPv6.</summary>
    internal static string AddressOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4().ToString();
        if (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private static bool IsUnsafe(HttpRequest request) => !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !HttpMethods.IsOptions(request.Method);

    /// <summary>What browsers say of where a request comes from; programs say nothing.</summary>
    private static bool IsCrossSite(HttpRequest request)
    {
        // Where a browser says it itself, that counts: no page can set this header.
        if (request.Headers["Sec-Fetch-Site"] is [{ } site]) return site is not ("same-origin" or "none");
        return request.Headers.Origin is [{ } origin] && !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private static void SetHeaders(IHeaderDictionary headers, ServerOptions options)
    {
        headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        // Not "no-referrer": forms would then say that they come from nowhere (Origin: null), as those of other sites may.
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        headers.CacheControl = "no-store";
        if (options.IsTls) headers.StrictTransportSecurity = "max-age=31536000";
    }

    private static HashSet<string> HostNames(ServerOptions options)
    {
        var names = new HashSet<string>(options.HostNames, StringComparer.OrdinalIgnoreCase);
        var address = options.Listen.Address;
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) names.UnionWith(["localhost", "127.0.0.1", "[::1]"]);
        if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) names.Add(Environment.MachineName);
        else names.Add(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString());
        return names;
    }

    /// <summary>Whoever is denied is told why, and it is written down.</summary>
    private sealed class Denials(AuditLog audit) : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler plain = new();

        public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            if (!authorizeResult.Forbidden)
            {
                await plain.HandleAsync(next, context, policy, authorizeResult);
                return;
            }

            await audit.AddAsync(context, "request", $"{context.Request.Method} {context.Request.Path}", "denied");
            await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, ServerErrors.NotAllowed(context.Request.Path, string.Join(", ", policy.Requirements.OfType<Microsoft.AspNetCore.Authorization.Infrastructure.ClaimsAuthorizationRequirement>().SelectMany(r => r.AllowedValues ?? []))));
        }
    }
}
