using Microsoft.OpenApi;

namespace Sealift.Server.Api;

/// <summary>Everything below <c>/api/v1</c>.</summary>
internal static class ApiRoutes
{
    /// <summary>Where the API begins.</summary>
    public const string Root = "/api/v1";

    /// <summary>Where it describes itself.</summary>
    public const string Description = $"{Root}/openapi.json";

    /// <summary>Maps it.</summary>
    public static void MapApi(this WebApplication application)
    {
        var api = application.MapGroup(Root).DisableAntiforgery(); // a header takes its place, see Guard
        DocumentsApi.Map(api);
        RunsApi.Map(api);
        MigrationsApi.Map(api);
        ProvidersApi.Map(api);
        EventsApi.Map(api);
        AccountsApi.Map(api);
        application.MapOpenApi(Description).RequireAuthorization(Accounts.Scope.Read);
    }

    /// <summary>The description, OpenAPI 3.1.</summary>
    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", o =>
    {
        o.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        o.ShouldInclude = description => description.RelativePath?.StartsWith(Root[1..], StringComparison.Ordinal) == true;
        o.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "Sealift", Version = "v1", Description = "Plans, runs and migrations of Sealift. Errors are application/problem+json with the stable codes of docs/errors.md." };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["token"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "A token of the API: POST /api/v1/tokens." },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", document)] = [] }];
            return Task.CompletedTask;
        });
        o.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<NeededScope>().LastOrDefault() is { } needed) operation.Description = $"{operation.Description} Needs the scope `{needed.Scope}`.".TrimStart();
            return Task.CompletedTask;
        });
    });

    /// <summary>Says which scope an endpoint needs.</summary>
    public static RouteHandlerBuilder Needs(this RouteHandlerBuilder builder, string scope) => builder.RequireAuthorization(scope).WithMetadata(new NeededScope(scope));
}

/// <summary>The scope that an endpoint needs.</summary>
/// <param name="Scope">A word of <see cref="Accounts.Scope"/>.</param>
internal sealed record NeededScope(string Scope);

/// <summary>A part of a list.</summary>
/// <param name="Items">Its items.</param>
/// <param name="Total">How many the whole list has.</param>
/// <param name="NextOffset">Where the next part begins; null where this is the last.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, int Total, int? NextOffset)
{
    /// <summary>A part of a list.</summary>
    public static Page<T> Of(IReadOnlyList<T> all, int offset, int limit)
    {
        var from = Math.Clamp(offset, 0, all.Count);
        var items = all.Skip(from).Take(Math.Clamp(limit, 1, 1000)).ToList();
        return new Page<T>(items, all.Count, from + items.Count < all.Count ? from + items.Count : null);
    }
}
