using System.Collections.Concurrent;
using System.Text.Json;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Plans;
using Sealift.Posix;
using Sealift.Server.Accounts;

namespace Sealift.Server.Api;

/// <summary>Migrations of this server's state directory, and their seals.</summary>
internal static class MigrationsApi
{
    private const int LargestSealBytes = 64 << 20;

    // A verification reads whole disks: one at a time for a migration, and few at all.
    private static readonly ConcurrentDictionary<string, byte> Verifying = new();

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
            var path = (page == true ? details.Outcome?.HtmlPath : details.Outcome?.SealPath) ?? throw ServerErrors.NotFound("seal of migration", migration);
            if (FileFacts.OfPathIfExists(path) is not { Kind: FileKind.Regular, LengthBytes: <= LargestSealBytes }) throw ServerErrors.NotFound("file of the seal", path);
            // A page of ours, made of what others wrote: it is kept, not shown with the rights of this server.
            context.Response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
            return Results.File(path, page == true ? "text/html; charset=utf-8" : "application/json", Path.GetFileName(path));
        }).Needs(Scope.Read).WithSummary("The seal, as it lies beside the machine; with page=true its page for people.").Produces(200, contentType: "application/json");
        api.MapPost("/migrations/{migration}/verify", async (string migration, IPlanService plans, CancellationToken cancel) =>
        {
            var details = Show(plans, migration);
            var seal = details.Outcome?.SealPath ?? throw ServerErrors.NotFound("seal of migration", migration);
            if (Verifying.Count >= 2 || !Verifying.TryAdd(details.Summary.Id, 0)) throw ServerErrors.VerifyingAlready(details.Summary.Id);
            try
            {
                return await SealVerifier.VerifyAsync(seal, new SealVerifyOptions { StateDirectory = plans.Migrations.StateDirectory }, null, cancel);
            }
            finally
            {
                _ = Verifying.TryRemove(details.Summary.Id, out var _); // it is ours, and there: we put it in
            }
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

        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
