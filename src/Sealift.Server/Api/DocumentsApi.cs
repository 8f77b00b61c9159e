using System.Globalization;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Store;
using Sealift.Plans.Validation;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;

namespace Sealift.Server.Api;

/// <summary>Plans, and what they name. A document's ETag is its generation.</summary>
internal static class DocumentsApi
{
    private const string Yaml = "application/yaml";

    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/documents/{kind}", async (string kind, bool? archived, IPlanService plans, CancellationToken cancel) =>
        {
            var all = await plans.Store.ListAsync(Known(kind), cancel);
            return all.Where(d => archived == true || !d.IsArchived);
        }).Needs(Scope.Read).WithSummary("The documents of a kind: Provider, StorageMap, NetworkMap, Hook, Plan or Migration. Plans that are hidden come with archived=true.");

        api.MapGet("/documents/{kind}/{name}", async (string kind, string name, HttpContext context, IPlanService plans, CancellationToken cancel) =>
        {
            var found = await FindAsync(plans, kind, name, cancel);
            var tag = Tag(found.Generation);
            context.Response.Headers.ETag = tag;
            context.Response.Headers.LastModified = found.UpdatedAt.ToString("R", CultureInfo.InvariantCulture);
            if (context.Request.Headers.IfNoneMatch.Contains(tag)) return Results.StatusCode(StatusCodes.Status304NotModified);
            return context.Request.Headers.Accept.Any(a => a?.Contains("yaml", StringComparison.OrdinalIgnoreCase) == true)
                ? Results.Text(DocumentWriter.ToYaml(found.Document), Yaml)
                : Results.Text(DocumentWriter.ToJson(found.Document), "application/json");
        }).Needs(Scope.Read).WithSummary("A document, as JSON, or as YAML where the request accepts application/yaml.").Produces(200, contentType: "application/json");

        api.MapPut("/documents/{kind}/{name}", async (string kind, string name, HttpContext context, IPlanService plans, TimeProvider time, CancellationToken cancel) =>
        {
            context.IsAbout($"{kind}/{name}");
            var documents = await ReadAsync(context, cancel);
            if (documents is not [{ } document] || document.Kind != Known(kind) || document.Metadata.Name != name)
                throw ServerErrors.BadRequest(context.Request.Path, $"the body should have one document, of the kind and the name of the address, and has {(documents.Count == 1 ? $"{documents[0].Kind}/{documents[0].Metadata.Name}" : $"{documents.Count} documents")}");
            context.User.Check(documents);
            var current = await plans.Store.FindAsync(kind, name, cancel);
            var expected = Expected(context.Request, current, kind, name);
            // Whether it is still this generation is looked at once more in the transaction that stores it.
            var stored = expected is { } generation ? await PutAsync(plans, document, generation, time, cancel) : (await plans.ApplyAsync([document], cancel))[0];
            context.Response.Headers.ETag = Tag(stored.Generation);
            return stored.Generation == 1 ? Results.Created($"{ApiRoutes.Root}/documents/{kind}/{name}", stored) : Results.Ok(stored);
        }).Audited("document.put").Needs(Scope.Plan).WithSummary("Store a document of JSON or YAML; a Hook, a Provider, or a plan with `luksKeys` needs the scope `admin`. If-Match names the generation that it replaces, If-None-Match: * says that there is none; one of both is needed.")
            .Accepts<Document>("application/json", Yaml).Produces<StoredDocument>().Produces<StoredDocument>(201);

        api.MapDelete("/documents/{kind}/{name}", async (string kind, string name, HttpContext context, IPlanService plans, CancellationToken cancel) =>
        {
            context.IsAbout($"{kind}/{name}");
            var current = await FindAsync(plans, kind, name, cancel);
            if (context.Request.Headers.IfMatch is [{ } tag] && tag != "*" && tag != Tag(current.Generation)) throw ServerErrors.Changed(kind, name, current.Generation.ToString(CultureInfo.InvariantCulture));
            context.User.Check(kind, name);
            await plans.Store.RemoveAsync(kind, name, cancel);
            return TypedResults.NoContent();
        }).Audited("document.remove").Needs(Scope.Plan).WithSummary("Remove a document that no other one names.");

        api.MapPost("/documents", async (HttpContext context, IPlanService plans, AuditLog audit, IHostApplicationLifetime application, CancellationToken aborted) =>
        {
            using var ends = application.EndsWith(aborted); // a server of vSphere may be asked where machines are
            var cancel = ends.Token;
            var documents = await ReadAsync(context, cancel);
            context.IsAbout(Names(documents));
            context.User.Check(documents);
            var (kept, orders) = (documents.Where(d => d is not MigrationDocument).ToList(), documents.OfType<MigrationDocument>().ToList());
            var stored = await plans.ApplyAsync(kept, cancel);
            if (orders.Count == 0) return stored;
            // What is stored stays so, and each run that is begun goes on, also where a later order is refused: each is written down by itself.
            if (kept.Count > 0) await audit.AddAsync(context, "document.apply", Names(kept), "done");
            context.IsAbout(Names(orders));
            var begun = new List<StoredDocument>();
            foreach (var order in orders)
            {
                var ordered = await audit.AttemptAsync<OrderedRun>(
                    context,
                    "run.begin",
                    () => $"Plan/{order.Spec.Plan.Name}, {Name(order)}",
                    o => o.IsBegun ? "done" : null, // applied once more, it begins nothing
                    async () => await plans.BeginAsync(order, context.Actor(), cancel));
                begun.Add(new StoredDocument(order, 1, ordered.Run.CreatedAt, false));
            }

            return (IReadOnlyList<StoredDocument>)[.. stored, .. begun];
        }).Audited("document.apply").Needs(Scope.Plan).WithSummary("Store many documents, all or none, whichever generations there are: JSON (one, or a list) or YAML (one, or many with --- between them). One of kind Migration begins a run, once for its name, and needs the scope `operate` besides; a plan with `luksKeys` needs `admin`.")
            .Accepts<IReadOnlyList<Document>>("application/json", Yaml);

        api.MapPost("/validate/{plan}", async (string plan, HttpContext context, Validations validations, CancellationToken cancel) =>
        {
            var documents = await ReadAsync(context, cancel);
            context.User.Check(documents); // to validate is to look at what their providers name
            return await validations.ValidateAsync(documents, plan, cancel);
        })
            .Needs(Scope.Plan).WithSummary("Look for all that would stop a plan of these documents, which are not stored.").Accepts<IReadOnlyList<Document>>("application/json", Yaml);
    }

    private static async Task<IReadOnlyList<Document>> ReadAsync(HttpContext context, CancellationToken cancel)
    {
        try
        {
            return [.. (await DocumentReader.ReadAsync(context.Request.Body, "body", cancel)).Select(d => d.Document)];
        }
        catch (SealiftException e) when (e.InnerException is BadHttpRequestException)
        {
            // No fault of a document: the body was too long, or broke off.
            var bad = (BadHttpRequestException)e.InnerException;
            throw new BadHttpRequestException(bad.Message, bad.StatusCode, bad);
        }
    }

    private static async Task<StoredDocument> PutAsync(IPlanService plans, Document document, long generation, TimeProvider time, CancellationToken cancel)
    {
        await AppliedPlans.DemandAsync(plans.Store, [document], time.GetUtcNow(), cancel);
        return await plans.Store.PutAsync(document, generation, cancel);
    }

    private static async Task<StoredDocument> FindAsync(IPlanService plans, string kind, string name, CancellationToken cancel) =>
        await plans.Store.FindAsync(Known(kind), name, cancel) ?? throw ServerErrors.NotFound(kind, name);

    private static string Names(IEnumerable<Document> documents) => string.Join(", ", documents.Select(Name));

    private static string Name(Document document) => $"{document.Kind}/{document.Metadata.Name}";

    private static string Known(string kind) => DocumentKind.All.Contains(kind) ? kind : throw ServerErrors.NotFound("kind of document", kind);

    private static string Tag(long generation) => $"\"{generation.ToString(CultureInfo.InvariantCulture)}\"";

    /// <summary>The generation that a request says it replaces; null for whichever there is.</summary>
    private static long? Expected(HttpRequest request, StoredDocument? current, string kind, string name)
    {
        var now = current?.Generation ?? 0;
        var shown = now.ToString(CultureInfo.InvariantCulture);
        if (request.Headers.IfNoneMatch is ["*"]) return now == 0 ? 0 : throw ServerErrors.Changed(kind, name, shown);
        if (request.Headers.IfMatch is not [{ } tag]) throw ServerErrors.NoCondition(kind, name);
        if (tag == "*") return current is null ? throw ServerErrors.NotFound(kind, name) : null;
        return tag == Tag(now) && now > 0 ? now : throw ServerErrors.Changed(kind, name, shown);
    }
}
