using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Steps;
using Sealift.Providers;

namespace Sealift.Migrations.Support;

/// <summary>What the rows of a journal mean, as far as they can be understood.</summary>
internal sealed class BundleFacts
{
    private readonly List<string> troubles = [];
    private readonly Dictionary<PlannedStep, string> results = [];

    private BundleFacts(JournalExtract journal)
    {
        Steps = [.. journal.Rows("step").Select(StepOf)];
        foreach (var step in Steps)
            if (step.Result is { Length: > 0 } result) results[step.Step] = result;
        Request = Decode(JournalExtract.Text(journal.Migration, "request"), MigrationJson.Default.MigrationRequest, "the plan");
        Outcome = Decode(JournalExtract.Text(journal.Migration, "outcome"), MigrationJson.Default.MigrationOutcome, "the outcome");
        Source = Find(StepName.Describe, string.Empty, JournalJson.Default.SourceMachine);
        Before = Find(StepName.CheckSource, string.Empty, JournalJson.Default.GuestReport);
        After = Find(StepName.CheckTarget, string.Empty, JournalJson.Default.GuestReport);
        Committed = Find(StepName.CheckCommitted, string.Empty, JournalJson.Default.GuestReport);
        Conversion = Find(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult);
        Cutover = Find(StepName.Cutover, string.Empty, JournalJson.Default.CutoverStepResult);
        Boot = Find(StepName.BootCheck, string.Empty, JournalJson.Default.BootReport);
        Tools = Find(StepName.Preflight, string.Empty, JournalJson.Default.PreflightResult)?.Tools ?? new Dictionary<string, string>();
        foreach (var step in Steps.Where(s => s.Step.Disk.Length > 0))
        {
            if (step.Step.Step == StepName.Copy) Copies[step.Step.Disk] = Find(StepName.Copy, step.Step.Disk, JournalJson.Default.CopyStepResult);
            else if (step.Step.Step == StepName.ReadBack) ReadBacks[step.Step.Disk] = Find(StepName.ReadBack, step.Step.Disk, JournalJson.Default.ReadBackStepResult);
            else if (step.Step.Step == StepName.Prove) Proofs[step.Step.Disk] = Find(StepName.Prove, step.Step.Disk, JournalJson.Default.ReadBackStepResult);
        }

        Passes = [.. journal.Rows("pass").Select(r => Decode(JournalExtract.Text(r, "record"), JournalJson.Default.PassRecord, "a pass")).OfType<PassRecord>()];
    }

    /// <summary>What could not be understood.</summary>
    public IReadOnlyList<string> Troubles => troubles;

    public MigrationRequest? Request { get; }

    public MigrationOutcome? Outcome { get; }

    public IReadOnlyList<StepRow> Steps { get; }

    public SourceMachine? Source { get; }

    public GuestReport? Before { get; }

    public GuestReport? After { get; }

    public GuestReport? Committed { get; }

    public ConvertStepResult? Conversion { get; }

    public CutoverStepResult? Cutover { get; }

    public BootReport? Boot { get; }

    public IReadOnlyDictionary<string, string> Tools { get; }

    public IReadOnlyList<PassRecord> Passes { get; }

    /// <summary>What the copy of each disk came to, by its key.</summary>
    public Dictionary<string, CopyStepResult?> Copies { get; } = [];

    /// <summary>What was read back of each copied disk, by its key.</summary>
    public Dictionary<string, ReadBackStepResult?> ReadBacks { get; } = [];

    /// <summary>What was read back of each committed disk, by its key.</summary>
    public Dictionary<string, ReadBackStepResult?> Proofs { get; } = [];

    /// <summary>Understands what can be understood.</summary>
    public static BundleFacts Of(JournalExtract journal) => new(journal);

    private T? Find<T>(string step, string disk, JsonTypeInfo<T> type)
        where T : class =>
        results.TryGetValue(new PlannedStep(step, disk), out var json) ? Decode(json, type, $"the result of {step} {disk}".TrimEnd()) : null;

    private T? Decode<T>(string json, JsonTypeInfo<T> type, string what)
        where T : class
    {
        if (json.Length == 0) return null;
        try
        {
            return JsonSerializer.Deserialize(json, type);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or FormatException or ArgumentException)
        {
            var trouble = $"journal.json: {what} could not be understood: {e.Message}";
            if (!troubles.Contains(trouble)) troubles.Add(trouble);
            return null;
        }
    }

    private static StepRow StepOf(IReadOnlyDictionary<string, object?> row) => new(
        new PlannedStep(JournalExtract.Text(row, "name"), JournalExtract.Text(row, "disk")),
        Enum.TryParse<StepState>(JournalExtract.Text(row, "state"), out var state) ? state : StepState.Planned,
        Time(row, "started_at"),
        Time(row, "ended_at"),
        row.GetValueOrDefault("elapsed_seconds") is double seconds && double.IsFinite(seconds) ? seconds : 0,
        JournalExtract.Text(row, "summary"),
        row.GetValueOrDefault("result") as string);

    /// <summary>An instant in a column; null where there is none.</summary>
    public static DateTimeOffset? Time(IReadOnlyDictionary<string, object?> row, string column) =>
        DateTimeOffset.TryParse(JournalExtract.Text(row, column), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : null;
}
