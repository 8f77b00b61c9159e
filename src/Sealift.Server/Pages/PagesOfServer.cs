namespace Sealift.Server.Pages;

/// <summary>The pages, as part of the server.</summary>
internal static class PagesOfServer
{
    /// <summary>What they need.</summary>
    public static void AddPages(this IServiceCollection services) => services.AddSingleton<Glance>().AddSingleton<PlanDrafts>().AddSingleton<SourceInventories>().AddSingleton<Verifications>();

    /// <summary>Maps them, with what their forms send and the files that they lead to.</summary>
    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        Forms.Map(routes);
        LiveEvents.Map(routes);
        routes.MapRazorComponents<App>();
    }
}
