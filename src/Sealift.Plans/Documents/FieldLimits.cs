using System.Globalization;
using System.Text.RegularExpressions;
using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Migrations;

namespace Sealift.Plans.Documents;

/// <summary>What a field may hold besides its type. Numbers are of what the type counts: a number, seconds of a time, bytes of a size, characters of a text, entries of a list.</summary>
internal sealed record FieldLimit
{
    /// <summary>The least.</summary>
    public long Minimum { get; init; }

    /// <summary>The most.</summary>
    public long Maximum { get; init; } = long.MaxValue;

    /// <summary>The form of a text; null for any.</summary>
    public Regex? Pattern { get; init; }

    /// <summary>What <see cref="Pattern"/> means, for people.</summary>
    public string? PatternMeans { get; init; }

    /// <summary>The words that a text is one of; empty for any text.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];
}

/// <summary>The limits of all fields of all documents: of which the reader, the schema and validation know from here.</summary>
internal static partial class FieldLimits
{
    /// <summary>Characters of a text of which nothing else is said: the names of a machine's 64 images fit.</summary>
    public const int TextCharacters = 16_384;

    /// <summary>Entries of a list of which nothing else is said.</summary>
    public const int ListEntries = 1000;

    /// <summary>The form of a document's name.</summary>
    public static FieldLimit DocumentName { get; } = new() { Minimum = 1, Maximum = 63, Pattern = NamePattern(), PatternMeans = "lower-case letters, digits, dashes and dots, with a letter or a digit at both ends" };

    private static readonly FieldLimit Text = new() { Minimum = 1, Maximum = TextCharacters };
    private static readonly FieldLimit AnyText = new() { Maximum = TextCharacters };
    private static readonly FieldLimit List = new() { Maximum = ListEntries };
    private static readonly FieldLimit FullList = new() { Minimum = 1, Maximum = ListEntries };
    private static readonly FieldLimit HookUses = new() { Maximum = 64 };
    private static readonly FieldLimit Simultaneous = new() { Minimum = 1, Maximum = 1000 };

    // An ESXi host, and units of an array: no document has a field for either.
    private static readonly string[] NeedsMoreThanAPlan = ["xcopy", "esxi-clone"];

    private const long Day = 86_400;

    private static readonly Dictionary<(Type, string), FieldLimit> All = new()
    {
        [(typeof(DocumentMetadata), "name")] = DocumentName,
        [(typeof(DocumentMetadata), "labels")] = new FieldLimit { Maximum = 64 },
        [(typeof(DocumentReference), "name")] = Text with { Maximum = 1024 },
        [(typeof(ProviderSpec), "url")] = Text with { Maximum = 4096 },
        [(typeof(StorageMapSpec), "map")] = FullList,
        [(typeof(StorageDestination), "storageClass")] = Text with { Maximum = 1024 },
        [(typeof(StorageDestination), "format")] = Text with { Words = ["raw", "qcow2"] },
        [(typeof(StorageDestination), "transfer")] = Text with { Words = [.. TransferPlan.Names.Except(NeedsMoreThanAPlan)] },
        [(typeof(NetworkMapSpec), "map")] = FullList,
        [(typeof(NetworkDestination), "name")] = Text with { Maximum = 256 },
        [(typeof(HookSpec), "program")] = Text with { Maximum = 4096 },
        [(typeof(HookSpec), "arguments")] = new FieldLimit { Maximum = 256 },
        [(typeof(HookSpec), "image")] = Text with { Maximum = 1024 },
        [(typeof(HookSpec), "deadline")] = new FieldLimit { Minimum = 1, Maximum = Day },
        [(typeof(HookSpec), "after")] = HookUses,
        [(typeof(PlanSpec), "description")] = AnyText,
        [(typeof(PlanSpec), "vms")] = new FieldLimit { Minimum = 1, Maximum = 10_000 },
        [(typeof(PlanSpec), "targetNameTemplate")] = Text with { Maximum = 256 },
        [(typeof(PlanSpec), "hooks")] = HookUses,
        [(typeof(PlannedMachine), "name")] = Text,
        [(typeof(PlannedMachine), "id")] = Text with { Maximum = 256 },
        [(typeof(PlannedMachine), "targetName")] = Text with { Maximum = 64 },
        [(typeof(PlannedMachine), "wave")] = Simultaneous,
        [(typeof(PlannedMachine), "hooks")] = HookUses,
        [(typeof(PlannedKey), "volume")] = new FieldLimit { Minimum = 3, Maximum = 36, Pattern = VolumePattern(), PatternMeans = "the UUID of a LUKS volume, or all" },
        [(typeof(PlannedKey), "file")] = new FieldLimit { Minimum = 2, Maximum = 4096, Pattern = AbsolutePattern(), PatternMeans = "an absolute path" },
        [(typeof(PlanSpec), "luksKeys")] = new FieldLimit { Maximum = VolumeKey.Most },
        [(typeof(PlannedMachine), "luksKeys")] = new FieldLimit { Maximum = VolumeKey.Most },
        [(typeof(Waiver), "class")] = Text with { Maximum = 256 },
        [(typeof(Waiver), "filesystem")] = Text with { Maximum = 1024 },
        [(typeof(Waiver), "reason")] = Text with { Maximum = 4096 },
        [(typeof(PrecopySpec), "interval")] = new FieldLimit { Maximum = 30 * Day },
        [(typeof(PrecopySpec), "downtime")] = new FieldLimit { Maximum = Day },
        [(typeof(PrecopySpec), "shutdownDeadline")] = new FieldLimit { Minimum = 1, Maximum = Day },
        [(typeof(PlanLimits), "machines")] = Simultaneous,
        [(typeof(PlanLimits), "machinesPerHost")] = Simultaneous,
        [(typeof(PlanLimits), "bandwidth")] = new FieldLimit { Minimum = BandwidthLimit.MinimumBytesPerSecond },
        [(typeof(PlanDeadlines), "machine")] = new FieldLimit { Minimum = 60, Maximum = 30 * Day },
        [(typeof(PlanDeadlines), "silence")] = new FieldLimit { Minimum = 10, Maximum = Day },
        [(typeof(MigrationSpec), "cancel")] = new FieldLimit { Maximum = 10_000 },
    };

    /// <summary>What the field of an object may hold.</summary>
    /// <param name="owner">The object's type.</param>
    /// <param name="field">The field's name in documents.</param>
    /// <param name="type">The field's type.</param>
    public static FieldLimit Of(Type owner, string field, Type type) =>
        All.TryGetValue((owner, field), out var limit) ? limit : type == typeof(string) ? AnyText : List;

    /// <summary>A limit in words: <c>a whole number from 1 to 1000</c>.</summary>
    public static string InWords(this FieldLimit limit, string what, string unit = "") =>
        limit.Words.Count > 0 ? $"one of {string.Join(", ", limit.Words)}"
        : limit.Maximum == long.MaxValue ? string.Create(CultureInfo.InvariantCulture, $"{what}{(limit.Minimum == 0 ? string.Empty : $", at least {limit.Minimum}{unit}")}")
        : string.Create(CultureInfo.InvariantCulture, $"{what} from {limit.Minimum} to {limit.Maximum}{unit}");

    [GeneratedRegex(@"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(all|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex VolumePattern();

    [GeneratedRegex("^/", RegexOptions.CultureInvariant)]
    private static partial Regex AbsolutePattern();
}
