using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Store;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Auditing;
using Sealift.VSphere;

namespace Sealift.Server.Pages;

/// <summary>
/// What the forms of the pages ask for, and the files that they lead to. Each form has the antiforgery token of its page, is written into
/// the audit log, and ends with a redirect to a page that is only looked at.
/// </summary>
internal static class Forms
{
    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var plan = routes.MapGroup(string.Empty).RequireAuthorization(Scope.Plan).ExcludeFromDescription();
        var operate = routes.MapGroup(string.Empty).RequireAuthorization(Scope.Operate).ExcludeFromDescription();
        var admin = routes.MapGroup(string.Empty).RequireAuthorization(Scope.Admin).ExcludeFromDescription();
        var read = routes.MapGroup(string.Empty).RequireAuthorization(Scope.Read).ExcludeFromDescription();
        DraftForms.Map(plan);

        plan.MapPost("/plans/{name}/archived", async (string name, [FromForm] bool value, HttpContext context, IPlanService plans) =>
        {
            context.IsAbout($"Plan/{name}");
            await plans.ArchiveAsync(name, value, context.RequestAborted);
            return Results.LocalRedirect($"/plans/{Uri.EscapeDataString(name)}");
        }).Audited("plan.archive");
        // What names places of this host is for administrators, as it is for the API: DocumentRights.
        admin.MapPost("/providers/add", AddProviderAsync).Audited("document.put");
        admin.MapPost("/providers/vsphere", AddVSphereAsync).Audited("provider.add");
        admin.MapPost("/providers/{name}/remove", RemoveProviderAsync).Audited("document.remove");

        operate.MapPost("/plans/{name}/start", async (string name, [FromForm] string? cutover, HttpContext context, IPlanService plans) =>
        {
            context.IsAbout($"Plan/{name}");
            var run = await plans.RunAsync(name, FormInstant.Parse("cutover", cutover), context.Actor(), context.RequestAborted);
            return Results.LocalRedirect($"/plans/{Uri.EscapeDataString(name)}?run={Uri.EscapeDataString(run.Id)}");
        }).Audited("run.begin");
        operate.MapPost("/plans/{name}/order", async (string name, [FromForm] string run, [FromForm] string order, [FromForm] string? machine, [FromForm] string? at, HttpContext context, IPlanService plans) =>
        {
            context.IsAbout($"{run}{(string.IsNullOrEmpty(machine) ? string.Empty : $"/{machine}")} {order}");
            if (!Enum.TryParse<RunOrderKind>(order, out var kind) || !Enum.IsDefined(kind)) throw PageErrors.BadForm("order", "it is none that a run knows");
            _ = await plans.Store.FindRunAsync(run, context.RequestAborted) ?? throw ServerErrors.NotFound("run", run); // only whether there is one
            await plans.OrderAsync(new RunOrder(run, kind, string.IsNullOrEmpty(machine) ? null : machine, FormInstant.Parse("at", at), context.Actor()), context.RequestAborted);
            return Results.LocalRedirect($"/plans/{Uri.EscapeDataString(name)}?run={Uri.EscapeDataString(run)}");
        }).Audited("run.order");
        operate.MapPost("/migrations/{id}/verify", (string id, [FromForm] string? run, HttpContext context, IPlanService plans, Verifications verifications) =>
        {
            context.IsAbout(id);
            verifications.Begin(plans.Migrations.Show(id), plans.Migrations.StateDirectory);
            return Results.LocalRedirect($"/migrations/{Uri.EscapeDataString(id)}{(string.IsNullOrEmpty(run) ? string.Empty : $"?run={Uri.EscapeDataString(run)}")}#verify");
        }).Audited("migration.verify");

        read.MapGet("/plans/{name}/plan.yaml", async (string name, HttpContext context, IPlanService plans) =>
        {
            var stored = await plans.Store.FindAsync(DocumentKind.Plan, name, context.RequestAborted) ?? throw ServerErrors.NotFound("plan", name);
            return Results.File(Encoding.UTF8.GetBytes(DocumentWriter.ToYaml(stored.Document)), "application/yaml", $"{name}.yaml");
        });
        read.MapGet("/migrations/{id}/seal.json", (string id, IPlanService plans) =>
        {
            var seal = SealFile.Read(plans.Migrations.Show(id), plans.Migrations.StateDirectory);
            return Results.File(seal.Json, "application/json", Path.GetFileName(seal.Path));
        });
        read.MapGet("/migrations/{id}/seal.html", (string id, HttpContext context, IPlanService plans) =>
        {
            // Drawn anew from the statement whose signature was just checked: whoever changed the page beside the seal changes nothing here.
            var seal = SealFile.Read(plans.Migrations.Show(id), plans.Migrations.StateDirectory);
            var page = SealPage.Render(seal.Predicate, seal.Context);
            context.Response.Headers.ContentSecurityPolicy = $"default-src 'none'; style-src {StyleOf(page)}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            return Results.Content(page, "text/html; charset=utf-8");
        });
        read.MapGet("/migrations/{id}/logs/{log}", (string id, string log, IPlanService plans) => Results.Bytes(MigrationLogs.Tail(plans.Migrations.Show(id), log), "text/plain; charset=utf-8"));

        read.MapPost("/account/tokens", async (IFormCollection form, HttpContext context, ApiTokens tokens) =>
        {
            var name = form["name"].ToString().Trim();
            context.IsAbout(name);
            var scopes = form["scope"].OfType<string>().ToList();
            // Nobody makes a token that may more than themselves; it is looked at again with each use.
            if (scopes.Find(s => !context.User.Has(s)) is { } more) throw ServerErrors.NotAllowed("/account/tokens", more);
            if (!int.TryParse(form["days"], out var days)) throw PageErrors.BadForm("days", "it should be a whole number");
            var (token, _) = await tokens.CreateAsync(context.Actor(), name, scopes, TimeSpan.FromDays(Math.Clamp(days, 1, 366)), context.RequestAborted);
            return (IResult)new RazorComponentResult<NewTokenDocument>(new Dictionary<string, object?> { [nameof(NewTokenDocument.Name)] = name, [nameof(NewTokenDocument.Token)] = token });
        }).Audited("token.add");
        read.MapPost("/account/tokens/{id}/remove", async (string id, [FromForm] string? unused, HttpContext context, ApiTokens tokens) =>
        {
            _ = unused; // a form's field, so that the antiforgery token is asked for
            var isAdmin = context.User.Has(Scope.Admin);
            await tokens.RemoveAsync(id, isAdmin ? null : context.Actor(), context.RequestAborted);
            return Results.LocalRedirect("/account");
        }).Audited("token.remove");

        admin.MapPost("/users", async (IFormCollection form, HttpContext context, UserAccounts users) =>
        {
            var name = form["name"].ToString().Trim();
            context.IsAbout(name);
            await users.AddAsync(name, form["password"].ToString(), [.. form["role"].OfType<string>()], onlyFirst: false, context.RequestAborted);
            return Results.LocalRedirect("/users");
        }).Audited("user.add");
        admin.MapPost("/users/{name}/roles", async (string name, IFormCollection form, HttpContext context, UserAccounts users) =>
        {
            await users.SetRolesAsync(name, [.. form["role"].OfType<string>()], context.RequestAborted);
            return Results.LocalRedirect("/users");
        }).Audited("user.roles");
        admin.MapPost("/users/{name}/password", async (string name, IFormCollection form, HttpContext context, UserAccounts users) =>
        {
            await users.SetPasswordAsync(name, form["password"].ToString(), context.RequestAborted);
            return Results.LocalRedirect("/users");
        }).Audited("user.password");
        admin.MapPost("/users/{name}/remove", async (string name, [FromForm] string? unused, HttpContext context, UserAccounts users) =>
        {
            _ = unused; // a form's field, so that the antiforgery token is asked for
            await users.RemoveAsync(name, context.RequestAborted);
            return Results.LocalRedirect("/users");
        }).Audited("user.remove");
    }

    private static async Task<IResult> AddProviderAsync(IFormCollection form, HttpContext context, IPlanService plans)
    {
        var (name, url) = (form["name"].ToString().Trim(), form["url"].ToString().Trim());
        context.IsAbout($"Provider/{name}");
        if (!Enum.TryParse<ProviderType>(form["type"], ignoreCase: true, out var type) || !Enum.IsDefined(type)) throw PageErrors.BadForm("type", "it is no kind of provider");
        if (type is ProviderType.Ova or ProviderType.Image or ProviderType.Directory && !Path.IsPathFullyQualified(url)) throw PageErrors.BadProvider(name, "its directory should be an absolute path of this server");
        if (type == ProviderType.Libvirt && !url.StartsWith("qemu:///", StringComparison.Ordinal) && !url.StartsWith("qemu+ssh://", StringComparison.Ordinal)) throw PageErrors.BadProvider(name, "it should be qemu:///system or qemu+ssh://USER@HOST/system");
        if (type == ProviderType.Vsphere && !new VSphereRegistry(plans.Migrations.StateDirectory).Names().Contains(url)) throw PageErrors.BadProvider(name, "there is no registered server of that name");
        await ThrowIfThereAsync(name, context, plans);
        return await StoreAsync(name, type, url, context, plans, context.RequestAborted);
    }

    private static async Task<IResult> AddVSphereAsync(IFormCollection form, HttpContext context, IPlanService plans)
    {
        var name = form["name"].ToString().Trim();
        context.IsAbout($"Provider/{name}");
        if (!Uri.TryCreate(form["address"].ToString().Trim(), UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttps) throw PageErrors.BadProvider(name, "its address should be https://HOST");
        var (ca, thumbprint) = (form["caFile"].ToString().Trim(), form["thumbprint"].ToString().Trim());
        if (ca.Length > 0 && !Path.IsPathFullyQualified(ca)) throw PageErrors.BadProvider(name, "the file of authorities should be an absolute path of this server");
        var provider = new VSphereProvider
        {
            Name = name,
            Address = address,
            User = form["user"].ToString().Trim(),
            Password = PasswordPlace.Store,
            CaFile = ca.Length > 0 ? ca : null,
            Thumbprint = thumbprint.Length > 0 ? thumbprint : null,
        };
        var registry = new VSphereRegistry(plans.Migrations.StateDirectory);
        registry.CheckNew(provider);
        await ThrowIfThereAsync(name, context, plans);
        var password = form["password"].ToString();
        await using (var client = await VSphereClient.ConnectAsync(provider.AccessBy(password).Options, context.RequestAborted))
        {
            // Logged in: it is what it should be.
        }

        registry.Add(provider, password);
        // A browser that goes away now leaves no registered server without its document.
        return await StoreAsync(name, ProviderType.Vsphere, name, context, plans, CancellationToken.None);
    }

    private static async Task ThrowIfThereAsync(string name, HttpContext context, IPlanService plans)
    {
        if (await plans.Store.FindAsync(DocumentKind.Provider, name, context.RequestAborted) is not null) throw PageErrors.BadProvider(name, "there is one of this name");
    }

    private static async Task<IResult> StoreAsync(string name, ProviderType type, string url, HttpContext context, IPlanService plans, CancellationToken cancel)
    {
        _ = await plans.ApplyAsync([new ProviderDocument { Metadata = new DocumentMetadata { Name = name }, Spec = new ProviderSpec { Type = type, Url = url } }], cancel); // its generation is 1
        return Results.LocalRedirect($"/providers/{Uri.EscapeDataString(name)}");
    }

    private static async Task<IResult> RemoveProviderAsync(string name, [FromForm] string? forget, HttpContext context, IPlanService plans)
    {
        context.IsAbout($"Provider/{name}");
        var stored = await plans.Store.FindAsync(DocumentKind.Provider, name, context.RequestAborted) ?? throw ServerErrors.NotFound("provider", name);
        await plans.Store.RemoveAsync(DocumentKind.Provider, name, context.RequestAborted);
        if (forget == "true" && ((ProviderDocument)stored.Document).Spec is { Type: ProviderType.Vsphere, Url: var server } && new VSphereRegistry(plans.Migrations.StateDirectory).Names().Contains(server)) new VSphereRegistry(plans.Migrations.StateDirectory).Remove(server);
        return Results.LocalRedirect("/providers");
    }

    /// <summary>The one style sheet that the seal's page has inside itself, as its hash.</summary>
    private static string StyleOf(string page)
    {
        var from = page.IndexOf("<style>", StringComparison.Ordinal) + "<style>".Length;
        var style = page[from..page.IndexOf("</style>", from, StringComparison.Ordinal)];
        return $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'";
    }
}
