using System.Text;
using System.Text.Json;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Plans;
using Sealift.Server.Accounts;
using Sealift.Server.Pages;

namespace Sealift.Server.Api;

/// <summary>Migrations of this server's state directory, and their seals.</summary>
internal static class MigrationsApi
{
    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/migrations", (int? offset, int? limit, IPlanService plans) => Results.Text(Json(Page<MigrationSummary>.Of([.. plans.Migrations.List().Reverse()], offset ?? 0, limit ?? 100)), "application/json"))
            .Needs(Scope.Read).WithSummary("Migrations, newest first.").Produces<Page<MigrationSummary>>();
        api.MapGet("/migrations/{migration}", (string migration, IPlanService plans) => Results.Text(JsonSerializer.Serialize(Show(plans, migration), MigrationJson.Default.MigrationDetails), "application/json"))
            .Needs(Scope.Read).WithSummary("A migration: its request, every step of its journal, every file that it made, and its outcome.").Produces<MigrationDetails>();
        api.MapGet("/migrations/{migration}/seal", (string migration, bool? page, HttpContext context, IPlanService plans) =>
        {
            var details = Show(plans, migration);
            if (details.Outcome?.SealPath is null) throw ServerErrors.NotFound("seal of migration", migration);
            // Bytes that were read once, by the signature that was checked: the path may lead elsewhere a moment later.
            var seal = SealFile.Read(details, plans.Migrations.StateDirectory);
            var name = Path.GetFileName(seal.Path);
            // A page of ours, made of what others wrote: it is kept, not shown with the rights of this server.
            context.Response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
            return page == true
                ? Results.File(Encoding.UTF8.GetBytes(SealPage.Render(seal.Predicate, seal.Context)), "text/html; charset=utf-8", Path.GetFileName(details.Outcome.HtmlPath) ?? Path.ChangeExtension(name, ".html"))
                : Results.File(seal.Json, "application/json", name);
        }).Needs(Scope.Read).WithSummary("The seal, as it lies beside the machine; with page=true its page for people.").Produces(200, contentType: "application/json");
        api.MapPost("/migrations/{migration}/verify", async (string migration, IPlanService plans, VerificationTurns turns, IHostApplicationLifetime application, CancellationToken cancel) =>
        {
            var details = Show(plans, migration);
            var seal = details.Outcome?.SealPath ?? throw ServerErrors.NotFound("seal of migration", migration);
            using var turn = turns.TryTake(details.Summary.Id) ?? throw ServerErrors.VerifyingAlready(details.Summary.Id);
            using var ends = application.EndsWith(cancel);
            return await SealVerifier.VerifyAsync(seal, new SealVerifyOptions { StateDirectory = plans.Migrations.StateDirectory }, null, ends.Token);
        }).Audited("migration.verify").Needs(Scope.Operate).WithSummary("Read the disks of a machine that was handed over, and check every claim of its seal.");
    }

    private static MigrationDetails Show(IPlanService plans, string id) => plans.Migrations.Show(id);

    private static string Json(Page<MigrationSummary> page)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("items");
            JsonSerializer.Serialize(writer, page.Items, MigrationJson.Default.IReadOnlyListMigrationSummary);
            writer.WriteNumber("total", page.Total);
            if (page.NextOffset is { } next) writer.WriteNumber("nextOffset", next);
            else writer.WriteNull("nextOffset");
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
