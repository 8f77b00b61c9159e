using System.Diagnostics;
using System.Globalization;
using Sealift.Bench.Mutation;

const string Usage = """
    usage: bench/mutation [PART…] [--survivors] [--checks] [--file NAME] [--workers N] [--budget SECONDS] [--no-build] [--list]
      PART         posix, blkhash or copy; all of them where none is named
      --survivors  only what survived the last run, or is new since; the rest is taken from it
      --checks     only mutants that remove a check; no score then
      --every N    only each N-th mutant, the same ones every time: a sample; its score is of the sample
      --file NAME  only the files whose path contains NAME; no score then
      --workers N  mutants at a time (2)
      --budget S   each mutant gets the quickest of its tests, for S seconds; what is left is for --survivors
      --no-build   the tests are built as they should be
      --list       only prints the mutants
    """;
var (survivorsOnly, checksOnly, list, build, file, workers, budget, every) = (false, false, false, true, string.Empty, 2, long.MaxValue, 1);
var names = new List<string>();
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--survivors": survivorsOnly = true; break;
        case "--checks": checksOnly = true; break;
        case "--list": list = true; break;
        case "--no-build": build = false; break;
        case "--file" when i + 1 < args.Length: file = args[++i]; break;
        case "--budget" when i + 1 < args.Length && long.TryParse(args[i + 1], CultureInfo.InvariantCulture, out budget) && budget > 0:
            budget *= 1000;
            i++;
            break;
        case "--every" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out every) && every > 0: i++; break;
        case "--workers" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out workers) && workers > 0: i++; break;
        case var name when Scope.All.Any(scope => scope.Name == name): names.Add(name); break;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true; // the processes of the tests are ended first
    stop.Cancel();
};
var clock = Stopwatch.StartNew();
void Say(string line) => Console.Error.WriteLine($"{clock.Elapsed:hh\\:mm\\:ss} {line}");

var repository = Environment.CurrentDirectory; // bench/mutation goes there
var equivalents = Equivalents.Read(Path.Combine(repository, "bench", "mutation-equivalents.txt"));
var reports = new List<Report>();
var failed = false;
foreach (var scope in Scope.All.Where(scope => names.Count == 0 || names.Contains(scope.Name)))
{
    Say($"{scope.Name}: building");
    if (build) await Command.RunAsync("dotnet", ["build", scope.Tests, "-c", "Release", "-v", "quiet", "--nologo"], stop.Token);
    var directory = Path.GetDirectoryName(Path.Combine(repository, scope.Project))!;
    var mutated = MutatedAssembly.Build(await CompilerCall.ReadAsync(Path.Combine(repository, scope.Project), stop.Token), directory, repository, scope.Includes);
    Say($"{scope.Name}: {mutated.Mutants.Count} mutants; {mutated.Rejected} more do not compile");
    if (list)
    {
        foreach (var mutant in mutated.Mutants) Console.WriteLine($"{mutant.File}:{mutant.Line}: {(mutant.RemovesCheck ? "check" : "other")}: {mutant.Change}");
        continue;
    }

    var isPart = checksOnly || file.Length > 0 || every > 1;
    var kept = Path.Combine(repository, "out", "mutation", $"{scope.Name}.json");
    var earlier = survivorsOnly
        ? Report.ReadResults(kept).Where(r => r.Verdict is Verdict.Killed or Verdict.TimedOut).ToDictionary(r => r.Key)
        : [];
    var results = new List<Result>();
    var before = isPart ? Report.ReadResults(kept) : [];
    void Keep() => Report.WriteResults(kept, results.Concat(before.ExceptBy(results.Select(r => r.Key), r => r.Key)));
    var todo = new List<Mutant>();
    foreach (var mutant in mutated.Mutants.Where(m => m.File.Contains(file, StringComparison.Ordinal) && (m.RemovesCheck || !checksOnly)).Where((_, index) => index % every == 0))
    {
        if (equivalents.Reason(mutant) is { } why) results.Add(ResultOf(mutant, Verdict.Equivalent, why));
        else if (earlier.TryGetValue(mutant.Key, out var known)) results.Add(known with { Line = mutant.Line });
        else todo.Add(mutant);
    }

    var copy = Directory.CreateTempSubdirectory("sealift-mutation-").FullName;
    try
    {
        var test = Path.GetFileNameWithoutExtension(scope.Tests);
        Campaign.Copy(Path.Combine(repository, Path.GetDirectoryName(scope.Tests)!, "bin", "Release", "net10.0"), copy, mutated);
        var campaign = new Campaign(Path.Combine(copy, $"{test}.dll"), mutated, line => Say($"{scope.Name}: {line}"), budget);
        await campaign.ObserveAsync(_ => true, stop.Token);
        var done = 0;
        await campaign.RunAsync(todo, workers, (mutant, verdict, by) =>
        {
            results.Add(ResultOf(mutant, verdict, by));
            done++;
            if (verdict is Verdict.Survived or Verdict.NotCovered) Say($"{scope.Name}: {done}/{todo.Count} {verdict}: {mutant.File}:{mutant.Line}: {mutant.Change}");
            else if (done % 50 == 0) Say($"{scope.Name}: {done}/{todo.Count}");
            if (done % 20 == 0) Keep(); // --survivors goes on from there
        }, stop.Token);
    }
    finally
    {
        Directory.Delete(copy, recursive: true);
    }

    var report = new Report(scope.Name, scope.DeclaredPercent, mutated.Rejected, [.. results.OrderBy(r => r.File, StringComparer.Ordinal).ThenBy(r => r.Line)]);
    reports.Add(report);
    foreach (var result in report.Unnoticed) Console.WriteLine($"{result.File}:{result.Line}: {result.Verdict}{(result.RemovesCheck ? ", a check" : "")}\n  {result.LineText}\n  {result.Change}");
    Keep();
    if (isPart) continue;
    foreach (var stale in equivalents.Stale(name => mutated.Mutants.Any(m => m.File == name)))
    {
        Console.WriteLine($"bench/mutation-equivalents.txt: no mutant is like this any more: {stale}");
        failed = true;
    }

    if (report.Percent < scope.DeclaredPercent || report.UnnoticedChecks > 0) failed = true;
}

if (reports.Count > 0)
{
    Console.WriteLine(Report.Head);
    foreach (var report in reports) Console.WriteLine(report.Row);
    foreach (var report in reports.Where(r => r.UnnoticedChecks > 0)) Console.WriteLine($"{report.Name}: {report.UnnoticedChecks} checks can be removed and no test notices");
}

return failed ? 1 : 0;

static Result ResultOf(Mutant mutant, Verdict verdict, string by) => new(mutant.Key, mutant.File, mutant.Line, mutant.LineText, mutant.Change, mutant.RemovesCheck, verdict, by);
