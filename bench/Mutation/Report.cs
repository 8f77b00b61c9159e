using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Bench.Mutation;

/// <summary>The results of one scope.</summary>
internal sealed record Report(string Name, double DeclaredPercent, int Rejected, IReadOnlyList<Result> Results)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };

    /// <summary>The table's head.</summary>
    public const string Head = "| part | mutants | killed | timed out | survived | not covered | equivalent | score | declared |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|";

    /// <summary>Of 100 mutants that a test could notice, how many were.</summary>
    public double Percent => Results.Count == Count(Verdict.Equivalent) ? 100 : 100.0 * (Count(Verdict.Killed) + Count(Verdict.TimedOut)) / (Results.Count - Count(Verdict.Equivalent));

    /// <summary>The mutants that nobody noticed and nobody explained.</summary>
    public IEnumerable<Result> Unnoticed => Results.Where(r => r.Verdict is Verdict.Survived or Verdict.NotCovered);

    /// <summary>Those of them that take a check away.</summary>
    public int UnnoticedChecks => Unnoticed.Count(r => r.RemovesCheck);

    /// <summary>Its line of the table.</summary>
    public string Row => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Name} | {Results.Count} | {Count(Verdict.Killed)} | {Count(Verdict.TimedOut)} | {Count(Verdict.Survived)} | {Count(Verdict.NotCovered)} | {Count(Verdict.Equivalent)} | {Percent:F1} % | {DeclaredPercent:F0} % |");

    /// <summary>Reads the results of an earlier run; none where there was none.</summary>
    public static IReadOnlyList<Result> ReadResults(string path) => File.Exists(path) ? JsonSerializer.Deserialize<IReadOnlyList<Result>>(File.ReadAllText(path), Json) ?? [] : [];

    /// <summary>Writes them, for the next run and for whoever wants to read each.</summary>
    public static void WriteResults(string path, IEnumerable<Result> results)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(results.ToList(), Json));
    }

    private int Count(Verdict verdict) => Results.Count(r => r.Verdict == verdict);
}
