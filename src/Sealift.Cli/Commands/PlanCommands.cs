using System.CommandLine;
using System.Globalization;
using Sealift.Cli.Terminal;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Store;
using Sealift.Plans.Validation;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift plan apply|get|delete|validate|schema</c>: the documents of plans. What carries plans out has a file of its own.</summary>
internal static class PlanCommands
{
    private static readonly Argument<string[]> Files = new("FILE") { Description = "Files with documents, YAML or JSON; - for standard input.", Arity = ArgumentArity.OneOrMore };

    public static Command Build()
    {
        var command = new Command("plan", "Plans: many machines, with maps, waves, limits and windows, in documents that are kept.") { Apply(), Get(), Delete(), Validate(), Schema() };
        foreach (var run in PlanRunCommands.Build()) command.Subcommands.Add(run);
        return command;
    }

    private static Task<PlanDatabase> OpenAsync(ParseResult parsed, CancellationToken cancel) => OpenedPlans.OpenDatabaseAsync(GlobalOptions.StateDirectory(parsed), cancel);

    private static Command Apply()
    {
        var command = new Command("apply", "Store the documents of files, all or none; those of the same kind and name are replaced, and those of kind Migration begin runs. A run that has begun is not changed by the others.") { Files };
        command.SetAction(async (parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            var read = await ReadFilesAsync(parsed.GetValue(Files)!, cancel);
            var (documents, orders) = (read.Select(d => d.Document).Where(d => d is not MigrationDocument).ToList(), read.Select(d => d.Document).OfType<MigrationDocument>().ToList());
            await using var opened = await OpenedPlans.OpenAsync(GlobalOptions.StateDirectory(parsed), cancel);
            var store = opened.Service.Store;
            // Looked at before it is stored, to say where in the file it is.
            var problems = (await AppliedPlans.CheckAsync(store, documents, DateTimeOffset.UtcNow, cancel)).Select(f => (f.Plan, Problem: f.Problem.In(read.First(d => ReferenceEquals(d.Document, f.Plan))))).ToList();
            AppliedPlans.Demand(problems);
            var before = new Dictionary<(string, string), long>();
            foreach (var document in documents) before[(document.Kind, document.Metadata.Name)] = (await store.FindAsync(document.Kind, document.Metadata.Name, cancel))?.Generation ?? 0;
            foreach (var stored in await store.PutAllAsync([.. documents.Select(d => new DocumentChange(d, null))], cancel))
            {
                var was = before[(stored.Document.Kind, stored.Document.Metadata.Name)];
                Say(json, was == 0 ? "created" : was == stored.Generation ? "unchanged" : "changed", stored);
            }

            foreach (var (plan, problem) in problems)
            {
                if (json) PlanReportText.WriteJson(plan.Metadata.Name, problem);
                else PlanReportText.Write(problem);
            }

            foreach (var order in orders)
            {
                var run = (await opened.Service.BeginAsync(order, PlanRunCommands.Actor, cancel)).Run;
                if (json) RunText.WriteJson(run);
                else Console.Out.WriteLine($"run       {run.Id} of plan {run.Plan} is {run.State.ToString().ToLowerInvariant()}; 'sealift plan run {run.Plan}' carries it out where no server does");
            }

            return ExitCode.Success;
        });
        return command.WithExamples("sealift plan apply saturday.yaml", "sealift plan apply providers.yaml maps.yaml saturday.yaml --json");
    }

    private static Command Get()
    {
        var kind = new Argument<string?>("KIND") { Description = $"Of one kind only: {string.Join(", ", DocumentKind.All)}. Case does not count.", Arity = ArgumentArity.ZeroOrOne };
        var name = new Argument<string?>("NAME") { Description = "This one, whole, as YAML; with --json as JSON.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("get", "List the documents that are stored, or print one.") { kind, name };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            await using var database = await OpenAsync(parsed, cancel);
            var store = new PlanStore(database);
            if (parsed.GetValue(kind) is not { } asked || parsed.GetValue(name) is not { } one)
            {
                foreach (var each in parsed.GetValue(kind) is { } given ? [KindOf(given)] : DocumentKind.All)
                    foreach (var stored in await store.ListAsync(each, cancel)) Say(json, stored.IsArchived ? "archived" : "stored", stored);
                return ExitCode.Success;
            }

            var found = await store.FindAsync(KindOf(asked), one, cancel) ?? throw CliErrors.UnknownDocument(KindOf(asked), one);
            if (json) Console.Out.WriteLine(DocumentWriter.ToJson(found.Document));
            else Console.Out.Write(DocumentWriter.ToYaml(found.Document));
            return ExitCode.Success;
        }));
        return command.WithExamples("sealift plan get", "sealift plan get plan", "sealift plan get plan saturday > saturday.yaml");
    }

    private static Command Delete()
    {
        var kind = new Argument<string>("KIND") { Description = $"{string.Join(", ", DocumentKind.All)}. Case does not count." };
        var name = new Argument<string>("NAME") { Description = "Its name." };
        var command = new Command("delete", "Remove a document that no other names. What was migrated, and what is known of runs, stays.") { kind, name };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var database = await OpenAsync(parsed, cancel);
            var store = new PlanStore(database);
            var (asked, one) = (KindOf(parsed.GetValue(kind)!), parsed.GetValue(name)!);
            var found = await store.FindAsync(asked, one, cancel) ?? throw CliErrors.UnknownDocument(asked, one);
            await store.RemoveAsync(found.Document.Kind, found.Document.Metadata.Name, cancel);
            Say(parsed.GetValue(GlobalOptions.Json), "removed", found);
            return ExitCode.Success;
        });
        return command.WithExamples("sealift plan delete hook snapshot-first");
    }

    private static Command Validate()
    {
        var what = new Argument<string[]>("PLAN") { Description = "The name of a stored plan; or files with documents, of which one is a plan, and which may name what is stored. - for standard input.", Arity = ArgumentArity.OneOrMore };
        var plan = new Option<string?>("--plan") { Description = "Which plan, where the files have several.", HelpName = "NAME" };
        var offline = new Option<bool>("--offline") { Description = "Ask no source and no target: only what the documents say is looked at." };
        var atOnce = new Option<int>("--at-once") { Description = "Machines that are looked at at once, 1 to 64.", HelpName = "N", DefaultValueFactory = _ => 4 };
        var command = new Command("validate", "Look for all that would stop a plan, or one of its machines: what is missing, taken, damaged in form or not reached. Nothing is changed.") { what, plan, offline, atOnce };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            if (parsed.GetValue(atOnce) is < 1 or > 64) throw CliErrors.BadValue("--at-once", parsed.GetValue(atOnce).ToString(CultureInfo.InvariantCulture), "a number from 1 to 64");
            await using var database = await OpenAsync(parsed, cancel);
            var (documents, read) = await PlanOfAsync(new PlanStore(database), parsed.GetValue(what)!, parsed.GetValue(plan), cancel);
            var report = parsed.GetValue(offline) ? Offline(documents) : await LookAsync(parsed, documents, parsed.GetValue(atOnce), cancel);
            return PlanReportText.Write(documents.Plan, read is null ? report : report.In(read), json);
        }));
        return command.WithExamples("sealift plan validate saturday.yaml", "sealift plan validate saturday", "sealift plan validate providers.yaml saturday.yaml --offline --json");
    }

    private static Command Schema()
    {
        var command = new Command("schema", "Print the form of all documents as JSON Schema, for editors.");
        command.SetAction(_ =>
        {
            Console.Out.Write(DocumentSchema.Write());
            return ExitCode.Success;
        });
        return command.WithExamples("sealift plan schema > plan.schema.json");
    }

    /// <summary>The documents of files, in their order.</summary>
    internal static async Task<IReadOnlyList<Document>> ReadAsync(IReadOnlyList<string> files, CancellationToken cancel) => [.. (await ReadFilesAsync(files, cancel)).Select(d => d.Document)];

    /// <summary>The same, with where each came from.</summary>
    private static async Task<IReadOnlyList<ReadDocument>> ReadFilesAsync(IReadOnlyList<string> files, CancellationToken cancel)
    {
        var documents = new List<ReadDocument>();
        foreach (var file in files) documents.AddRange(await ReadAsync(file, cancel));
        if (documents.GroupBy(d => (d.Document.Kind, d.Document.Metadata.Name)).FirstOrDefault(g => g.Count() > 1) is { } twice) throw CliErrors.DocumentTwice(twice.Key.Kind, twice.Key.Name);
        return documents;
    }

    /// <summary>The name of a stored plan; null where files are meant, which a file that is there is.</summary>
    internal static string? StoredName(IReadOnlyList<string> given) => given is [var only] && only != "-" && !File.Exists(only) ? only : null;

    /// <summary>The plan that a command line means: stored, or of files, with all that is stored beside it; and where it came from.</summary>
    private static async Task<(PlanDocuments Documents, ReadDocument? Read)> PlanOfAsync(PlanStore store, IReadOnlyList<string> what, string? name, CancellationToken cancel)
    {
        var stored = new List<Document>();
        foreach (var kind in DocumentKind.All.Where(k => k is not (DocumentKind.Plan or DocumentKind.Migration))) stored.AddRange((await store.ListAsync(kind, cancel)).Select(d => d.Document));
        if (StoredName(what) is { } only)
        {
            var found = await store.FindAsync(DocumentKind.Plan, only, cancel) ?? throw CliErrors.UnknownDocument(DocumentKind.Plan, only);
            return (new PlanDocuments((PlanDocument)found.Document, stored), null);
        }

        var read = await ReadFilesAsync(what, cancel);
        var plans = read.Where(d => d.Document is PlanDocument && (name is null || d.Document.Metadata.Name == name)).ToList();
        return plans.Count == 1
            ? (new PlanDocuments((PlanDocument)plans[0].Document, [.. stored, .. read.Select(d => d.Document)]), plans[0])
            : throw CliErrors.NotOnePlan(string.Join(' ', what), plans.Select(p => p.Document.Metadata.Name));
    }

    private static async Task<IReadOnlyList<ReadDocument>> ReadAsync(string file, CancellationToken cancel)
    {
        if (file != "-") return await DocumentReader.ReadFileAsync(file, cancel);
        await using var input = Console.OpenStandardInput();
        return await DocumentReader.ReadAsync(input, "standard input", cancel);
    }

    private static PlanReport Offline(PlanDocuments documents) => PlanValidation.Report(documents, DateTimeOffset.UtcNow);

    private static async Task<PlanReport> LookAsync(ParseResult parsed, PlanDocuments documents, int atOnce, CancellationToken cancel)
    {
        using var migrations = new MigrationStore(GlobalOptions.StateDirectory(parsed));
        return await PlanValidation.LookAsync(migrations, documents, DateTimeOffset.UtcNow, atOnce, null, cancel);
    }

    private static string KindOf(string word) =>
        DocumentKind.All.FirstOrDefault(k => k.Equals(word, StringComparison.OrdinalIgnoreCase) || $"{k}s".Equals(word, StringComparison.OrdinalIgnoreCase)) ?? throw CliErrors.BadValue("KIND", word, $"one of {string.Join(", ", DocumentKind.All)}");

    private static void Say(bool json, string what, StoredDocument stored)
    {
        var document = stored.Document;
        if (!json)
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-9} {document.Kind,-10} {document.Metadata.Name,-30} generation {stored.Generation}, {stored.UpdatedAt.ToLocalTime():yyyy-MM-dd HH:mm}"));
            return;
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", what);
            w.WriteString("kind", document.Kind);
            w.WriteString("name", document.Metadata.Name);
            w.WriteNumber("generation", stored.Generation);
            w.WriteString("updatedAt", stored.UpdatedAt);
        });
    }
}
