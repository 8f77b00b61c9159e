using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Json.Schema;
using Sealift.Plans.Documents;
using Sealift.Plans.Validation;

namespace Sealift.Plans.Tests.Documents;

public sealed class DocumentSchemaTests
{
    private static readonly string Docs = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs"));
    private static readonly JsonSchema Schema = JsonSchema.FromText(DocumentSchema.Write());

    [Fact]
    public void The_page_has_the_schema_that_the_command_prints() =>
        Assert.Equal(DocumentSchema.Write(), File.ReadAllText(Path.Combine(Docs, "formats", "plan.schema.json")));

    [Fact]
    public void What_is_written_fits_the_schema() => GeneratedDocuments.Any.Sample(document =>
    {
        foreach (var json in new[] { DocumentWriter.ToJson(document), DocumentKinds.ToJson(document).ToJsonString() })
        {
            var result = Schema.Evaluate(JsonDocument.Parse(json).RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
            Assert.True(result.IsValid, json);
        }
    }, iter: 300);

    [Theory]
    [InlineData("spec.vms[0].wave", "0")]
    [InlineData("spec.vms[0].wave", "\"1\"")]
    [InlineData("spec.vms[0].color", "1")]
    [InlineData("spec.vms", "[]")]
    [InlineData("spec.type", "\"Warm\"")]
    [InlineData("spec.limits", "{\"bandwidth\": \"much\"}")]
    [InlineData("spec.limits", "{\"bandwidth\": 1}")]
    [InlineData("spec.precopy", "{\"interval\": \"soon\"}")]
    [InlineData("spec.precopy", "{\"interval\": 90}")]
    [InlineData("spec.hooks", "[{\"hook\": {\"name\": \"h\"}}]")]
    [InlineData("spec.waivers", "[{\"class\": \"c\", \"filesystem\": \"f\"}]")]
    [InlineData("metadata.name", "\"Upper\"")]
    [InlineData("apiVersion", "\"v1\"")]
    [InlineData("kind", "\"Plans\"")]
    [InlineData("spec.provider", "null")]
    public void What_the_reader_refuses_the_schema_refuses_too(string path, string value)
    {
        var json = JsonNode.Parse("""{"apiVersion": "sealift.io/v1alpha1", "kind": "Plan", "metadata": {"name": "p"}, "spec": {"provider": {"source": {"name": "a"}, "destination": {"name": "b"}}, "vms": [{"name": "web01"}]}}""")!;
        Assert.True(IsValid(json));
        var steps = path.Replace("[0]", ".0", StringComparison.Ordinal).Split('.');
        var node = json;
        foreach (var step in steps[..^1]) node = node is JsonArray list ? list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]! : node[step]!;
        node[steps[^1]] = JsonNode.Parse(value);
        Assert.False(IsValid(json));
        Assert.ThrowsAny<Sealift.Posix.SealiftException>(() => DocumentReader.Read(Encoding.UTF8.GetBytes(json.ToJsonString()), "x"));
    }

    [Fact]
    public void The_example_of_the_page_reads_fits_the_schema_and_is_a_plan_that_nothing_stops()
    {
        var page = File.ReadAllText(Path.Combine(Docs, "plans.md"));
        var start = page.IndexOf("```yaml\n", StringComparison.Ordinal) + "```yaml\n".Length;
        var example = page[start..page.IndexOf("```", start, StringComparison.Ordinal)];
        var documents = DocumentReader.Read(Encoding.UTF8.GetBytes(example), "plans.md").Select(d => d.Document).ToList();
        Assert.Equal(6, documents.Count);
        Assert.All(documents, d => Assert.True(IsValid(JsonNode.Parse(DocumentWriter.ToJson(d))!)));
        Assert.Empty(PlanValidation.Check(new PlanDocuments(documents.OfType<PlanDocument>().Single(), documents), DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void The_page_names_every_field()
    {
        var page = File.ReadAllText(Path.Combine(Docs, "plans.md"));
        var schema = JsonNode.Parse(DocumentSchema.Write())!;
        foreach (var (type, definition) in schema["$defs"]!.AsObject())
            foreach (var (field, _) in definition!["properties"]!.AsObject())
                Assert.True(System.Text.RegularExpressions.Regex.IsMatch(page, $@"[`.]{field}[`.\[]|`{field}:"), $"{type}.{field} is not on the page");
    }

    private static bool IsValid(JsonNode json) => Schema.Evaluate(JsonDocument.Parse(json.ToJsonString()).RootElement).IsValid;

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
