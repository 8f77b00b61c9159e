using System.Text.Json;
using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>One JSON object a line.</summary>
internal sealed class JsonView : IMigrationObserver
{
    /// <inheritdoc/>
    public void Report(MigrationEvent happened) => Console.Out.WriteLine(JsonSerializer.Serialize(happened, MigrationJson.Default.MigrationEvent));
}
