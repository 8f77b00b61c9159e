using System.Collections.Concurrent;

namespace Sealift.Bench.Mutation;

/// <summary>Runs the mutants of one assembly against the tests that reach them.</summary>
internal sealed class Campaign(string program, MutatedAssembly mutated, Action<string> say, long budgetMilliseconds = long.MaxValue)
{
    // Room for a machine that is busy with something else for a moment. What takes longer is run once more, after it was measured
    // without the mutant, so this decides nothing by itself; a mutant that hangs costs it twice.
    private static readonly TimeSpan ShortestLimit = TimeSpan.FromSeconds(6);
    private const int LimitFactor = 10;
    private const int SlowMilliseconds = 500;
    // In a fresh process the quickest tests alone are run again, for so long without a mutant.
    private const int FreshMilliseconds = 10_000;
    // Whatever a killed mutant left behind in a process does not stay for long.
    private const int MutantsPerProcess = 100;

    private readonly int count = mutated.Mutants.Count == 0 ? 0 : mutated.Mutants.Max(m => m.Id) + 1;
    private readonly Dictionary<string, (TestName Test, long Milliseconds)> tests = [];
    private readonly Dictionary<int, List<string>> reaching = [];

    /// <summary>Copies a test program, and puts the mutated assembly in the place of the one that it was built with.</summary>
    public static void Copy(string from, string to, MutatedAssembly mutated)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var place = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.Copy(file, place);
        }

        File.WriteAllBytes(Path.Combine(to, $"{mutated.Name}.dll"), mutated.Image);
    }

    /// <summary>Runs each test by itself, without a mutant: all must pass, and each tells what it reaches.</summary>
    public async Task ObserveAsync(Func<TestName, bool> wanted, CancellationToken cancel)
    {
        await using var process = await StartAsync(-1, cancel);
        foreach (var test in process.Tests.Where(wanted))
        {
            var answer = await process.RunAsync(new TestRequest(-1, [test.Id], Record: true), TimeSpan.FromMinutes(5), cancel);
            if (answer.Failed is not null) throw new InvalidOperationException($"{test.Name} fails without any mutant: {answer.Said}");
            tests.Add(test.Id, (test, answer.Milliseconds));
            foreach (var mutant in answer.Reached!)
            {
                if (!reaching.TryGetValue(mutant, out var list)) reaching.Add(mutant, list = []);
                list.Add(test.Id);
            }
        }

        say($"{tests.Count} tests pass without a mutant, in {tests.Values.Sum(t => t.Milliseconds)} ms");
    }

    /// <summary>Runs mutants, some at a time.</summary>
    /// <param name="mutants">Which.</param>
    /// <param name="workers">How many at a time.</param>
    /// <param name="done">Told of each.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task RunAsync(IReadOnlyList<Mutant> mutants, int workers, Action<Mutant, Verdict, string> done, CancellationToken cancel)
    {
        var left = new ConcurrentQueue<Mutant>(mutants);
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            var worker = new Worker(this);
            try
            {
                while (left.TryDequeue(out var mutant))
                {
                    cancel.ThrowIfCancellationRequested();
                    var (verdict, by) = await worker.JudgeAsync(mutant, cancel);
                    lock (left) done(mutant, verdict, by);
                }
            }
            finally
            {
                await worker.RestartAsync();
            }
        }, cancel)));
    }

    private Task<TestProcess> StartAsync(int mutant, CancellationToken cancel) => TestProcess.StartAsync(program, mutated.Name, count, mutant, cancel);

    /// <summary>The tests that reach a mutant, class by class, the quick ones of all classes first.</summary>
    private List<List<string>> Reaching(Mutant mutant) => TestsOf(mutant)
        .GroupBy(id => (tests[id].Test.Class, IsSlow: tests[id].Milliseconds > SlowMilliseconds))
        .OrderBy(group => group.Key.IsSlow)
        .ThenBy(group => group.Sum(id => tests[id].Milliseconds))
        .Select(group => group.OrderBy(id => tests[id].Milliseconds).ToList())
        .ToList();

    // What happens while a type is initialised happened before the first test was observed, or during any one: all of them have a say.
    private IEnumerable<string> TestsOf(Mutant mutant) => mutant.IsStatic ? tests.Keys : reaching.TryGetValue(mutant.Id, out var ids) ? ids : [];

    private long Budget => budgetMilliseconds;

    private List<List<string>> Quickest(List<List<string>> groups, long milliseconds)
    {
        long used = 0;
        return [.. groups.TakeWhile((group, index) => (used += group.Sum(id => tests[id].Milliseconds)) <= milliseconds || index == 0)];
    }

    private string NameOf(TestAnswer answer) => tests.TryGetValue(answer.Failed!, out var known) ? known.Test.Name : $"after a test: {answer.Said}";

    private TimeSpan Limit(IEnumerable<string> ids)
    {
        var expected = TimeSpan.FromMilliseconds(LimitFactor * ids.Sum(id => tests[id].Milliseconds));
        return expected > ShortestLimit ? expected : ShortestLimit;
    }

    private sealed class Worker(Campaign campaign)
    {
        private TestProcess? warm;
        private int age;

        public async Task<(Verdict Verdict, string By)> JudgeAsync(Mutant mutant, CancellationToken cancel)
        {
            var groups = campaign.Quickest(campaign.Reaching(mutant), campaign.Budget);
            if (groups.Count == 0) return (Verdict.NotCovered, string.Empty);
            // What happens while a type is initialised is over in a process that is warm.
            if (!mutant.IsStatic && await InWarmProcessAsync(mutant, groups, cancel) is { } noticed) return noticed;
            // And what was kept in a cache by an earlier test may hide a mutant there.
            return await InFreshProcessAsync(mutant, mutant.IsStatic ? groups : campaign.Quickest(groups, FreshMilliseconds), cancel);
        }

        public async Task RestartAsync()
        {
            if (warm is { } old) await old.DisposeAsync();
            (warm, age) = (null, 0);
        }

        /// <summary>A verdict that is certain, or null.</summary>
        private async Task<(Verdict, string)?> InWarmProcessAsync(Mutant mutant, List<List<string>> groups, CancellationToken cancel)
        {
            if (age++ >= MutantsPerProcess) await RestartAsync();
            foreach (var group in groups)
            {
                warm ??= await campaign.StartAsync(-1, cancel);
                try
                {
                    var answer = await warm.RunAsync(new TestRequest(mutant.Id, group, Record: false), campaign.Limit(group), cancel);
                    if (answer.Failed is null) continue;
                    if (answer.Failed.Length > 0)
                    {
                        // The test passes without the mutant, in the same process, and fails with it once more: then it is the mutant.
                        var without = await warm.RunAsync(new TestRequest(-1, [answer.Failed], Record: false), campaign.Limit(group), cancel);
                        if (without.Failed is null)
                        {
                            var again = await warm.RunAsync(new TestRequest(mutant.Id, [answer.Failed], Record: false), campaign.Limit(group), cancel);
                            if (again.Failed is not null) return (Verdict.Killed, campaign.tests[answer.Failed].Test.Name);
                        }
                    }
                }
                catch (TestProcessLostException)
                {
                    // The mutant may have ended it: what the fresh process below says is what counts.
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    await RestartAsync();
                    if (await HangsAsync(mutant, group, cancel) is { } verdict) return verdict;
                }

                // Nothing is sure of a process that ended, hangs, or is not as it was: a fresh one decides.
                await RestartAsync();
                return await InFreshProcessAsync(mutant, groups, cancel);
            }

            return null;
        }

        private async Task<(Verdict, string)> InFreshProcessAsync(Mutant mutant, List<List<string>> groups, CancellationToken cancel)
        {
            foreach (var group in groups)
            {
                await using var process = await campaign.StartAsync(mutant.Id, cancel);
                try
                {
                    var answer = await process.RunAsync(new TestRequest(mutant.Id, group, Record: false), campaign.Limit(group), cancel);
                    if (answer.Failed is not null) return (Verdict.Killed, campaign.NameOf(answer));
                }
                catch (TestProcessLostException)
                {
                    return (Verdict.Killed, "the process of the tests ended");
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    if (await HangsAsync(mutant, group, cancel) is { } verdict) return verdict; // otherwise it was only slow, and passed
                }
            }

            return (Verdict.Survived, string.Empty);
        }

        /// <summary>Whether it hangs, or fails: null where it does neither. Measures without the mutant first: a machine that is slow just now is no hang.</summary>
        private async Task<(Verdict, string)?> HangsAsync(Mutant mutant, List<string> group, CancellationToken cancel)
        {
            await using var process = await campaign.StartAsync(-1, cancel);
            var without = await process.RunAsync(new TestRequest(-1, group, Record: false), TimeSpan.FromMinutes(10), cancel);
            if (without.Failed is not null) throw new InvalidOperationException($"{campaign.tests[group[0]].Test.Class} fails without any mutant: {without.Said}");
            var limit = TimeSpan.FromMilliseconds(LimitFactor * without.Milliseconds);
            try
            {
                var answer = await process.RunAsync(new TestRequest(mutant.Id, group, Record: false), limit > ShortestLimit ? limit : ShortestLimit, cancel);
                return answer.Failed is null ? null : (Verdict.Killed, campaign.NameOf(answer));
            }
            catch (TestProcessLostException)
            {
                return (Verdict.Killed, "the process of the tests ended");
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                return (Verdict.TimedOut, $"{campaign.tests[group[0]].Test.Class} did not end");
            }
        }
    }
}
