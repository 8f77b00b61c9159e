using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Store;
using Sealift.Plans.Validation;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Auditing;

namespace Sealift.Server.Pages;

/// <summary>
/// What the steps of the wizard send. Each keeps what was typed in the draft, whether it can be understood or not, and leads on to a page
/// that is only looked at: so a browser's back and forward never ask to send a form again.
/// </summary>
internal static class DraftForms
{
    /// <summary>Machines of a page of the step.</summary>
    public const int MachinesPerPage = 50;

    /// <summary>Empty rows that a list of a form ends with.</summary>
    public const int EmptyRows = 3;

    /// <summary>Another value of a map's choice: one of the plan's own.</summary>
    public const string OwnMap = "(own)";

    private const int MostMachines = 10_000;

    /// <summary>The fields of the step "way", by path.</summary>
    public static IReadOnlyList<(string Path, FieldKind Kind)> Way { get; } =
    [
        ("spec.type", FieldKind.Text), ("spec.precopy.interval", FieldKind.Text), ("spec.precopy.downtime", FieldKind.Text), ("spec.precopy.cutover", FieldKind.Instant), ("spec.precopy.audit", FieldKind.Text),
        ("spec.precopy.readBack", FieldKind.Text), ("spec.precopy.shutdownDeadline", FieldKind.Text), ("spec.precopy.forceOff", FieldKind.Flag), ("spec.precopy.restartSource", FieldKind.Flag),
        ("spec.targetNameTemplate", FieldKind.Text), ("spec.targetPowerState", FieldKind.Text), ("spec.autostart", FieldKind.Flag),
    ];

    /// <summary>The single fields of the step "policies", by path.</summary>
    public static IReadOnlyList<(string Path, FieldKind Kind)> Policies { get; } =
    [
        ("spec.skipGuestConversion", FieldKind.Flag), ("spec.check", FieldKind.Flag), ("spec.acceptDegraded", FieldKind.Flag), ("spec.overwrite", FieldKind.Flag), ("spec.bootCheck", FieldKind.Text), ("spec.wavePolicy", FieldKind.Text),
        ("spec.limits.machines", FieldKind.Number), ("spec.limits.machinesPerHost", FieldKind.Number), ("spec.limits.bandwidth", FieldKind.Text), ("spec.deadlines.machine", FieldKind.Text), ("spec.deadlines.silence", FieldKind.Text),
    ];

    /// <summary>Maps them.</summary>
    public static void Map(RouteGroupBuilder forms)
    {
        forms.MapPost("/drafts", BeginAsync);
        forms.MapPost("/plans/{name}/edit", EditAsync);
        forms.MapPost("/drafts/{id}/plan", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => Basics(draft, form), form, "machines"));
        forms.MapPost("/drafts/{id}/machines", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => Machines(draft, form), form, form["more"] == "true" ? $"machines?page={Uri.EscapeDataString(form["page"].ToString())}" : "maps"));
        forms.MapPost("/drafts/{id}/pick", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => Pick(draft, form), form, "machines"));
        forms.MapPost("/drafts/{id}/maps", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => Maps(draft, form), form, "way"));
        forms.MapPost("/drafts/{id}/way", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => Fields(draft, form, Way), form, "policies"));
        forms.MapPost("/drafts/{id}/policies", (string id, IFormCollection form, HttpContext context, PlanDrafts drafts) => ChangeAsync(id, context, drafts, draft => PoliciesOf(draft, form), form, "review"));
        forms.MapPost("/drafts/{id}/rebase", RebaseAsync);
        forms.MapPost("/drafts/{id}/store", StoreAsync);
        forms.MapPost("/drafts/{id}/discard", DiscardAsync);
        forms.MapGet("/drafts/{id}/plan.yaml", async (string id, HttpContext context, PlanDrafts drafts) =>
        {
            var draft = await drafts.GetAsync(id, context.Actor(), context.RequestAborted);
            return Results.File(System.Text.Encoding.UTF8.GetBytes(DocumentWriter.ToYaml(draft.Read())), "application/yaml", $"{draft.Name}.yaml");
        });
    }

    private static async Task<IResult> BeginAsync(IFormCollection form, HttpContext context, PlanDrafts drafts, TimeProvider time)
    {
        var draft = PlanDraft.New(PlanDrafts.NewId(), time.GetUtcNow());
        Basics(draft, form);
        Pick(draft, form);
        await drafts.AddAsync(draft, context.Actor(), context.RequestAborted);
        return Results.LocalRedirect($"/drafts/{draft.Id}/{(draft.Name.Length == 0 || draft.Destination.Length == 0 || draft.Mistake() is { Step: "plan" } ? "plan" : "machines")}");
    }

    private static async Task<IResult> EditAsync(string name, [FromForm] string? unused, HttpContext context, IPlanService plans, PlanDrafts drafts, TimeProvider time)
    {
        _ = unused; // a form's field, so that the antiforgery token is asked for
        var cancel = context.RequestAborted;
        var stored = await plans.Store.FindAsync(DocumentKind.Plan, name, cancel) ?? throw ServerErrors.NotFound("plan", name);
        var plan = (PlanDocument)stored.Document;
        var draft = PlanDraft.Of(
            PlanDrafts.NewId(), time.GetUtcNow(), stored.Generation, plan,
            plan.Spec.Map.Storage is { } storage ? await plans.Store.FindAsync(DocumentKind.StorageMap, storage.Name, cancel) : null,
            plan.Spec.Map.Network is { } network ? await plans.Store.FindAsync(DocumentKind.NetworkMap, network.Name, cancel) : null);
        await drafts.AddAsync(draft, context.Actor(), cancel);
        return Results.LocalRedirect($"/drafts/{draft.Id}/plan");
    }

    private static async Task<IResult> ChangeAsync(string id, HttpContext context, PlanDrafts drafts, Action<PlanDraft> change, IFormCollection form, string next)
    {
        var draft = await drafts.GetAsync(id, context.Actor(), context.RequestAborted);
        change(draft);
        await drafts.SaveAsync(draft, context.Actor(), context.RequestAborted);
        var step = form["step"].ToString();
        // Where this very step has a mistake, it is shown again with it.
        return Results.LocalRedirect($"/drafts/{id}/{(step.Length > 0 && form["more"] != "true" && draft.Mistake()?.Step == step ? $"{step}?wrong=true" : next)}");
    }

    private static void Basics(PlanDraft draft, IFormCollection form)
    {
        if (form.ContainsKey("name")) draft.Set("metadata.name", form["name"]);
        if (form.ContainsKey("description")) draft.Set("spec.description", form["description"]);
        if (form.ContainsKey("source")) draft.Set("spec.provider.source.name", form["source"]);
        if (form.ContainsKey("destination")) draft.Set("spec.provider.destination.name", form["destination"]);
    }

    /// <summary>Adds machines that were ticked or typed; of a page of an inventory, those that were not ticked are taken out.</summary>
    private static void Pick(PlanDraft draft, IFormCollection form)
    {
        var machines = draft.Machines;
        var picked = form["machine"].OfType<string>().Concat(form["typed"].ToString().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct(StringComparer.Ordinal).ToList();
        var unpicked = form["shown"].OfType<string>().Except(picked, StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal);
        for (var i = machines.Count - 1; i >= 0; i--)
        {
            if (unpicked.Contains(PlanDraft.Text(machines[i], "name"))) machines.RemoveAt(i);
        }

        var known = machines.Select(m => PlanDraft.Text(m, "name")).ToHashSet(StringComparer.Ordinal);
        foreach (var name in picked)
        {
            if (machines.Count >= MostMachines) throw PageErrors.BadForm("machines", $"a plan has at most {MostMachines} machines");
            if (known.Add(name)) machines.Add((JsonNode)new JsonObject { ["name"] = name });
        }

        draft.Set("spec.vms", (JsonArray)machines.DeepClone());
    }

    private static void Machines(PlanDraft draft, IFormCollection form)
    {
        var machines = draft.Machines;
        var removed = new HashSet<string>(StringComparer.Ordinal);
        var byName = machines.OfType<JsonObject>().ToLookup(m => PlanDraft.Text(m, "name"), StringComparer.Ordinal);
        for (var i = 0; i < MachinesPerPage; i++)
        {
            var row = i.ToString(CultureInfo.InvariantCulture);
            if (form[$"name.{row}"] is not [{ Length: > 0 } name]) continue;
            if (form[$"remove.{row}"] == "true") removed.Add(name);
            foreach (var machine in byName[name])
            {
                Put(machine, "targetName", PlanDraft.Value(form[$"target.{row}"], FieldKind.Text));
                Put(machine, "wave", PlanDraft.Value(form[$"wave.{row}"], FieldKind.Number));
                Put(machine, "type", PlanDraft.Value(form[$"type.{row}"], FieldKind.Text));
                Put(machine, "targetPowerState", PlanDraft.Value(form[$"power.{row}"], FieldKind.Text));
            }
        }

        if (form["many"].ToString().Trim() is { Length: > 0 } many && PlanDraft.Value(form["manyWave"], FieldKind.Number) is { } wave)
        {
            foreach (var machine in machines.OfType<JsonObject>().Where(m => PlanDraft.Text(m, "name").Contains(many, StringComparison.OrdinalIgnoreCase))) machine["wave"] = wave.DeepClone();
        }

        for (var i = machines.Count - 1; i >= 0; i--)
        {
            if (removed.Contains(PlanDraft.Text(machines[i], "name"))) machines.RemoveAt(i);
        }

        Pick(draft, form);
    }

    private static void Maps(PlanDraft draft, IFormCollection form)
    {
        var storage = form["storage"].ToString();
        draft.StorageMap = storage == OwnMap ? PlanDraft.Map(DocumentKind.StorageMap, Rows(form, "storage", row => Pair(form, row, ("storageClass", $"storage.class.{row}"), ("format", $"storage.format.{row}"), ("transfer", $"storage.transfer.{row}")))) : null;
        draft.Set("spec.map.storage.name", storage == OwnMap ? draft.Name + PlanDraft.StorageSuffix : storage);
        var network = form["network"].ToString();
        draft.NetworkMap = network == OwnMap ? PlanDraft.Map(DocumentKind.NetworkMap, Rows(form, "network", row => Pair(form, row, ("type", $"network.type.{row}"), ("name", $"network.name.{row}")))) : null;
        draft.Set("spec.map.network.name", network == OwnMap ? draft.Name + PlanDraft.NetworkSuffix : network);
    }

    private static JsonObject Pair(IFormCollection form, string row, params ReadOnlySpan<(string Field, string Input)> fields)
    {
        var destination = new JsonObject();
        foreach (var (field, input) in fields)
        {
            if (PlanDraft.Value(form[input], FieldKind.Text) is { } value) destination[field] = value;
        }

        return destination;
    }

    private static JsonArray Rows(IFormCollection form, string list, Func<string, JsonObject> destination)
    {
        var rows = new JsonArray();
        for (var i = 0; form.ContainsKey($"{list}.source.{i}"); i++)
        {
            if (form[$"{list}.source.{i}"].ToString().Trim() is { Length: > 0 } source)
                rows.Add((JsonNode)new JsonObject { ["source"] = new JsonObject { ["name"] = source }, ["destination"] = destination(i.ToString(CultureInfo.InvariantCulture)) });
        }

        return rows;
    }

    private static void Fields(PlanDraft draft, IFormCollection form, IReadOnlyList<(string Path, FieldKind Kind)> fields)
    {
        foreach (var (path, kind) in fields)
        {
            // A box that is not ticked sends nothing.
            draft.Set(path, kind == FieldKind.Flag ? form[path].Contains("true") ? "true" : "false" : form[path].ToString(), kind);
        }

        // A cold plan is not followed: what was typed for the other way would contradict it.
        if (draft.Text("spec.type") != "warm" && fields == Way) draft.Plan["spec"]!.AsObject().Remove("precopy");
    }

    private static void PoliciesOf(PlanDraft draft, IFormCollection form)
    {
        Fields(draft, form, Policies);
        draft.Set("spec.maintenanceWindows", List(form, "window", ("start", FieldKind.Instant), ("end", FieldKind.Instant)));
        draft.Set("spec.waivers", List(form, "waiver", ("class", FieldKind.Text), ("filesystem", FieldKind.Text), ("reason", FieldKind.Text)));
        var hooks = new JsonArray();
        for (var i = 0; form.ContainsKey($"hook.name.{i}"); i++)
        {
            if (form[$"hook.name.{i}"].ToString() is { Length: > 0 } hook) hooks.Add((JsonNode)new JsonObject { ["hook"] = new JsonObject { ["name"] = hook }, ["step"] = form[$"hook.step.{i}"].ToString() });
        }

        draft.Set("spec.hooks", hooks);
    }

    /// <summary>Rows of a form in which anything was typed.</summary>
    private static JsonArray List(IFormCollection form, string list, params ReadOnlySpan<(string Field, FieldKind Kind)> fields)
    {
        var rows = new JsonArray();
        for (var i = 0; form.ContainsKey($"{list}.{fields[0].Field}.{i}"); i++)
        {
            var row = new JsonObject();
            foreach (var (field, kind) in fields)
            {
                if (PlanDraft.Value(form[$"{list}.{field}.{i}"], kind) is { } value) row[field] = value;
            }

            if (row.Count > 0) rows.Add((JsonNode)row);
        }

        return rows;
    }

    private static void Put(JsonObject machine, string field, JsonNode? value)
    {
        if (value is null) machine.Remove(field);
        else machine[field] = value;
    }

    /// <summary>Whoever has seen what somebody else changed makes this draft one of the plan, and of its own maps, as they are now.</summary>
    private static async Task<IResult> RebaseAsync(string id, [FromForm] long generation, [FromForm] long? storageGeneration, [FromForm] long? networkGeneration, HttpContext context, PlanDrafts drafts)
    {
        var draft = await drafts.GetAsync(id, context.Actor(), context.RequestAborted);
        draft.Generation = generation;
        if (storageGeneration is { } storage) draft.StorageGeneration = storage;
        if (networkGeneration is { } network) draft.NetworkGeneration = network;
        await drafts.SaveAsync(draft, context.Actor(), context.RequestAborted);
        return Results.LocalRedirect($"/drafts/{id}/review");
    }

    private static async Task<IResult> StoreAsync(string id, [FromForm] string? unused, HttpContext context, IPlanService plans, PlanDrafts drafts, AuditLog audit, TimeProvider time)
    {
        _ = unused; // a form's field, so that the antiforgery token is asked for
        var (user, cancel) = (context.Actor(), context.RequestAborted);
        var draft = await drafts.GetAsync(id, user, cancel);
        var what = $"Plan/{draft.Name}";
        try
        {
            var documents = draft.Read();
            context.User.Check(documents);
            await ThrowIfChangedAsync(draft, documents, plans, cancel);
            // As the API and the command do; the review says it before.
            await AppliedPlans.DemandAsync(plans.Store, documents, time.GetUtcNow(), cancel);
            // All or none, and each by its generation: where somebody is faster now, nothing of theirs is lost. A map may be named by other plans too, and be changed for their sake.
            try
            {
                _ = await plans.Store.PutAllAsync([.. documents.Select(d => new DocumentChange(d, draft.GenerationOf(d.Kind)))], cancel);
            }
            catch (SealiftException)
            {
                await ThrowIfChangedAsync(draft, documents, plans, cancel);
                throw;
            }
        }
        catch (SealiftException e)
        {
            await audit.AddAsync(context, "document.put", what, e.Code);
            throw;
        }

        await audit.AddAsync(context, "document.put", what, "done");
        await drafts.RemoveAsync(id, user, CancellationToken.None);
        return Results.LocalRedirect($"/plans/{Uri.EscapeDataString(draft.Name)}");
    }

    private static async Task ThrowIfChangedAsync(PlanDraft draft, IReadOnlyList<Document> documents, IPlanService plans, CancellationToken cancel)
    {
        if ((await DraftConflict.FindAsync(draft, documents, plans.Store, cancel)) is [var first, ..]) throw PageErrors.PlanChanged(first);
    }

    private static async Task<IResult> DiscardAsync(string id, [FromForm] string? unused, HttpContext context, PlanDrafts drafts)
    {
        _ = unused; // a form's field, so that the antiforgery token is asked for
        await drafts.RemoveAsync(id, context.Actor(), context.RequestAborted);
        return Results.LocalRedirect("/plans");
    }
}
