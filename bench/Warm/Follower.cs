using Sealift.Migrations;

namespace Sealift.Bench.Warm;

/// <summary>Is told of the passes of a migration, which waits for it.</summary>
/// <param name="afterPass">Called after each pass but the last.</param>
/// <param name="afterLast">Called after the last.</param>
internal sealed class Follower(Action<PassRecord> afterPass, Action<PassRecord>? afterLast = null) : IMigrationObserver
{
    /// <inheritdoc/>
    public void Report(MigrationEvent happened)
    {
        if (happened is PassFinished { Pass: var pass }) (pass.IsFinal ? afterLast : afterPass)?.Invoke(pass);
    }
}
