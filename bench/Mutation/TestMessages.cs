using System.Text.Json;

namespace Sealift.Bench.Mutation;

/// <summary>A test of the project.</summary>
/// <param name="Id">What the test framework calls it.</param>
/// <param name="Class">Its class.</param>
/// <param name="Name">Its name for people.</param>
internal sealed record TestName(string Id, string Class, string Name);

/// <summary>What the process with the tests is asked: run these with that mutant, up to the first that fails. One line of JSON.</summary>
/// <param name="Mutant">Its number; −1 for none.</param>
/// <param name="Tests">Their ids; of one class, so that what its tests share is made once.</param>
/// <param name="Record">Whether to say which mutants were reached.</param>
internal sealed record TestRequest(int Mutant, IReadOnlyList<string> Tests, bool Record);

/// <summary>What it answers. One line of JSON.</summary>
/// <param name="Known">At the start: all tests.</param>
/// <param name="Failed">The test that failed, or null.</param>
/// <param name="Said">What it said.</param>
/// <param name="Reached">The mutants that were reached, where that was asked.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Run">How many tests ran.</param>
internal sealed record TestAnswer(IReadOnlyList<TestName>? Known, string? Failed, string? Said, IReadOnlyList<int>? Reached, long Milliseconds, int Run)
{
    /// <summary>The variable that names the socket.</summary>
    public const string SocketVariable = "SEALIFT_MUTATION_SOCKET";

    /// <summary>The variable that names the mutated assembly.</summary>
    public const string AssemblyVariable = "SEALIFT_MUTATION_ASSEMBLY";

    /// <summary>The variable with the count of all mutants.</summary>
    public const string CountVariable = "SEALIFT_MUTATION_COUNT";

    /// <summary>As a line.</summary>
    public static string Line<T>(T message) => JsonSerializer.Serialize(message);

    /// <summary>From a line.</summary>
    public static T Parse<T>(string line) => JsonSerializer.Deserialize<T>(line) ?? throw new InvalidOperationException("the line says null");
}
