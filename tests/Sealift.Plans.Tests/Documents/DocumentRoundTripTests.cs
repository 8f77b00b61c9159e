using System.Text;
using System.Text.Json;
using CsCheck;
using Sealift.Plans.Documents;

namespace Sealift.Plans.Tests.Documents;

public sealed class DocumentRoundTripTests
{
    [Fact]
    public void What_is_written_as_YAML_reads_the_same() => GeneratedDocuments.Any.Array[1, 3].Sample(documents =>
    {
        var yaml = DocumentWriter.ToYaml(documents);
        Assert.Equal(documents.Select(Whole), Read(yaml).Select(Whole));
    }, iter: 3000);

    [Fact]
    public void What_is_written_as_JSON_reads_the_same() => GeneratedDocuments.Any.Array[1, 3].Sample(documents =>
    {
        var json = $"[{string.Join(",", documents.Select(DocumentWriter.ToJson))}]";
        Assert.Equal(documents.Select(Whole), Read(json).Select(Whole));
        Assert.Equal(Whole(documents[0]), Whole(Read(DocumentWriter.ToJson(documents[0])).Single()));
    }, iter: 3000);

    [Fact]
    public void Within_other_JSON_a_document_is_whole() => GeneratedDocuments.Any.Sample(document =>
    {
        var options = new JsonSerializerOptions { Converters = { new DocumentConverter() } };
        var json = JsonSerializer.Serialize(document, options);
        Assert.Equal(Whole(document), Whole(JsonSerializer.Deserialize<Document>(json, options)!));
        if (document is PlanDocument) Assert.Contains("\"wavePolicy\":", json, StringComparison.Ordinal);
    }, iter: 500);

    [Fact]
    public void What_is_left_out_is_what_the_records_say()
    {
        var plan = (PlanDocument)Read("""
            apiVersion: sealift.io/v1alpha1
            kind: Plan
            metadata: {name: p}
            spec:
              provider: {source: {name: a}, destination: {name: b}}
              vms: [{name: web01}]
              precopy: {}
            ---
            """).Single();
        var expected = new PlanDocument
        {
            Metadata = new DocumentMetadata { Name = "p" },
            Spec = new PlanSpec
            {
                Provider = new PlanProviders { Source = new DocumentReference { Name = "a" }, Destination = new DocumentReference { Name = "b" } },
                Vms = [new PlannedMachine { Name = "web01" }],
                Precopy = new PrecopySpec(),
            },
        };
        Assert.Equal(Whole(expected), Whole(plan));
        Assert.True(plan.Spec.Check);
        Assert.Empty(plan.Spec.Vms[0].Hooks);
        Assert.Equal(TimeSpan.FromMinutes(15), plan.Spec.Deadlines.Silence);

        var hook = (HookDocument)Read("""{"apiVersion": "sealift.io/v1alpha1", "kind": "Hook", "metadata": {"name": "h"}, "spec": {"program": "/bin/true"}}""").Single();
        Assert.Equal(Whole(new HookDocument { Metadata = new DocumentMetadata { Name = "h" }, Spec = new HookSpec { Program = "/bin/true" } }), Whole(hook));
        var migration = (MigrationDocument)Read("""{"apiVersion": "sealift.io/v1alpha1", "kind": "Migration", "metadata": {"name": "h"}, "spec": {"plan": {"name": "p"}}}""").Single();
        Assert.Empty(migration.Spec.Cancel);
    }

    [Fact]
    public void What_people_get_says_nothing_that_would_be_so_anyhow()
    {
        var yaml = DocumentWriter.ToYaml(Read("""
            apiVersion: sealift.io/v1alpha1
            kind: Plan
            metadata: {name: saturday}
            spec:
              provider: {source: {name: vc1}, destination: {name: here}}
              vms: [{name: web01, wave: 1}, {name: DC0/vm/web 02, wave: 2}]
              type: warm
              targetPowerState: on
              limits: {bandwidth: 209715200}
              deadlines: {machine: 120m}
            """).Single());
        Assert.Equal("""
            apiVersion: sealift.io/v1alpha1
            kind: Plan
            metadata:
              name: saturday
            spec:
              provider:
                source:
                  name: vc1
                destination:
                  name: here
              vms:
              - name: web01
              - name: DC0/vm/web 02
                wave: 2
              type: warm
              targetPowerState: "on"
              limits:
                bandwidth: 200M
              deadlines:
                machine: 2h

            """, yaml);
    }

    private static IEnumerable<Document> Read(string text) => DocumentReader.Read(Encoding.UTF8.GetBytes(text), "plan.yaml").Select(d => d.Document);

    private static string Whole(Document document) => DocumentKinds.ToJson(document).ToJsonString();
}
