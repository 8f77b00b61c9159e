using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>One full migration of the OVA, conversion and boot proof included, shared by the tests that look at its result.</summary>
public sealed class ConvertedMachine(Rig rig) : IAsyncLifetime
{
    public string State { get; } = rig.NewDirectory();

    public string Target { get; } = rig.NewDirectory();

    public ChildResult Result { get; private set; } = null!;

    public string SourceDigestBefore { get; private set; } = string.Empty;

    public IReadOnlyList<JsonElement> Events { get; private set; } = [];

    public string Disk => Path.Combine(Target, "tiny-disk1.raw");

    public string Seal => Path.Combine(Target, "tiny.seal.json");

    /// <summary>The predicate of the seal.</summary>
    public JsonElement Predicate => SealFile.PredicateOf(Seal);

    public async ValueTask InitializeAsync()
    {
        SourceDigestBefore = Digest.OfFile(rig.TwoDiskOva);
        Result = await rig.RunAsync(State, ["migrate", rig.TwoDiskOva, "--to", Target, "--boot-check", "--json"], TestContext.Current.CancellationToken);
        Events = Result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
