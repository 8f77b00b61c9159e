namespace Sealift.Server.Security;

/// <summary>Which requests are a program's, and are answered as such.</summary>
internal static class ApiPath
{
    /// <summary>The API and its neighbours.</summary>
    public static bool Is(HttpRequest request) => request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        || request.Path.StartsWithSegments("/metrics", StringComparison.OrdinalIgnoreCase) || request.Path.StartsWithSegments("/healthz", StringComparison.OrdinalIgnoreCase) || request.Path.StartsWithSegments("/readyz", StringComparison.OrdinalIgnoreCase);
}
