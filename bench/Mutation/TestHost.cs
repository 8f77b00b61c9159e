using System.Diagnostics;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using Xunit.Runner.Common;
using Xunit.Sdk;
using Xunit.v3;

namespace Sealift.Bench.Mutation;

/// <summary>
/// Inside the process of a test program: keeps its tests ready and runs those that it is asked for, with the mutant that it is asked
/// for. It stays warm, so that most mutants cost the time of the tests and nothing else.
/// </summary>
internal static class TestHost
{
    /// <summary>Serves until the other side goes away, then ends the process.</summary>
    public static void Run() => Task.Run(ServeAsync).GetAwaiter().GetResult();

    private static async Task ServeAsync()
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Variable(TestAnswer.SocketVariable)));
            await using var stream = new NetworkStream(socket);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            await using var writer = new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true };

            // The program's name is its assembly's.
            var tests = Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, $"{Variable("SEALIFT_MUTATION_TESTS")}.dll"));
            var mutated = Assembly.Load(Variable(TestAnswer.AssemblyVariable)).GetType(MutantSwitch.TypeName) ?? throw new InvalidOperationException("the assembly has no switch");
            var active = mutated.GetField("Active")!;
            var reached = mutated.GetField("Reached")!;
            var count = int.Parse(Variable(TestAnswer.CountVariable), System.Globalization.CultureInfo.InvariantCulture);

            Xunit.TestContext.SetForInitialization(new FirstFailure(), false, false);
            await using var framework = (XunitTestFramework)RegisteredEngineConfig.GetTestFramework(tests, null);
            var discoverer = ((ITestFramework)framework).GetDiscoverer(tests);
            var cases = new Dictionary<string, ITestCase>();
            var discovery = TestFrameworkOptions.ForDiscovery(new TestAssemblyConfiguration());
            discovery.SetPreEnumerateTheories(true);
            discovery.SetSynchronousMessageReporting(true);
            await discoverer.Find(
                found =>
                {
                    cases.Add(found.UniqueID, found);
                    return new ValueTask<bool>(true);
                },
                discovery,
                null,
                null);
            await writer.WriteLineAsync(TestAnswer.Line(new TestAnswer([.. cases.Values.Select(c => new TestName(c.UniqueID, c.TestClassName ?? string.Empty, c.TestCaseDisplayName))], null, null, null, 0, 0)));

            var executor = ((ITestFramework)framework).GetExecutor(tests);
            while (await reader.ReadLineAsync() is { } line)
            {
                var request = TestAnswer.Parse<TestRequest>(line);
                var sink = new FirstFailure();
                var execution = TestFrameworkOptions.ForExecution(new TestAssemblyConfiguration());
                execution.SetParallelMode(ParallelMode.None);
                execution.SetMaxParallelThreads(1);
                execution.SetStopOnTestFail(true);
                execution.SetSynchronousMessageReporting(true);
                var hits = request.Record ? new bool[count] : null;
                reached.SetValue(null, hits);
                active.SetValue(null, request.Mutant);
                var clock = Stopwatch.StartNew();
                await executor.RunTestCases([.. request.Tests.Select(id => cases[id])], sink, execution, null);
                active.SetValue(null, -1);
                reached.SetValue(null, null);
                var numbers = hits?.Select((hit, number) => hit ? number : -1).Where(number => number >= 0).ToArray();
                await writer.WriteLineAsync(TestAnswer.Line(new TestAnswer(null, sink.Failed, sink.Said, numbers, clock.ElapsedMilliseconds, sink.Run)));
            }

            Environment.Exit(0);
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"mutation: the host of the tests: {e}");
            Environment.Exit(1);
        }
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set");

    /// <summary>Listens to the test framework.</summary>
    private sealed class FirstFailure : IMessageSink
    {
        private readonly Lock gate = new();

        public string? Failed { get; private set; }

        public string? Said { get; private set; }

        public int Run { get; private set; }

        public bool OnMessage(IMessageSinkMessage message)
        {
            lock (gate)
            {
                if (message is ITestFinished) Run++;
                if (message is IErrorMetadata error && message is ITestFailed or ITestClassCleanupFailure or ITestCaseCleanupFailure or ITestCleanupFailure or ITestMethodCleanupFailure or ITestCollectionCleanupFailure or ITestAssemblyCleanupFailure or IErrorMessage)
                {
                    Failed ??= (message as ITestCaseMessage)?.TestCaseUniqueID ?? string.Empty;
                    Said ??= ((IErrorMetadata)message).Messages.FirstOrDefault() ?? string.Empty;
                }

                return Failed is null;
            }
        }
    }
}
