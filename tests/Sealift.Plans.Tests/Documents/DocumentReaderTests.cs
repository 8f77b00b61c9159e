using System.Text;
using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Documents;

public sealed class DocumentReaderTests
{
    private const string Head = "apiVersion: sealift.io/v1alpha1\nkind: Plan\nmetadata:\n  name: p\nspec:\n  provider:\n    source:\n      name: a\n    destination:\n      name: b\n";
    private const string Machines = "  vms:\n  - name: web01\n";

    // Each: what follows the head, the code, the place that is named, and what else the reader must be told.
    public static TheoryData<string, string, string, string> Mistakes => new()
    {
        { Machines + "  vmz: []\n", "SL7606", ":13:3 spec.vmz", "Did you mean vms?" },
        { Machines + "  targetPowerstate: \"on\"\n", "SL7606", ":13:3 spec.targetPowerstate", "Did you mean targetPowerState?" },
        { Machines + "  nothingLikeIt: 1\n", "SL7606", ":13:3 spec.nothingLikeIt", "Here are known: description, provider" },
        { "  vms:\n  - name: web01\n    wave: 0\n", "SL7608", ":13:11 spec.vms[0].wave", "a whole number from 1 to 1000" },
        { "  vms:\n  - name: web01\n    wave: one\n", "SL7608", ":13:11 spec.vms[0].wave", "it is the text \"one\"" },
        { "  vms:\n  - name: web01\n    wave: 1.5\n", "SL7608", ":13:11 spec.vms[0].wave", "it is 1.5" },
        { "  vms:\n  - name: 2024\n", "SL7608", ":12:11 spec.vms[0].name", "\"2024\", in quotes" },
        { "  vms:\n  - name: true\n", "SL7608", ":12:11 spec.vms[0].name", "in quotes" },
        { "  vms:\n  - name:\n", "SL7608", ":12:10 spec.vms[0].name", "it is nothing" },
        { "  vms:\n  - name: \"a\\u0007b\"\n", "SL7608", ":12:11 spec.vms[0].name", "U+0007" },
        { "  vms:\n  - wave: 1\n", "SL7607", ":12:5 spec.vms[0].name", "a text from 1 to" },
        { "  vms: []\n", "SL7608", ":11:8 spec.vms", "a list from 1 to 10000 entries" },
        { "  vms: web01\n", "SL7608", ":11:8 spec.vms", "a list" },
        { "", "SL7607", ":6:3 spec.vms", "a list" },
        { Machines + "  type: Warm\n", "SL7608", ":13:9 spec.type", "one of cold, warm" },
        { Machines + "  hooks:\n  - hook:\n      name: h\n    step: preHook\n", "SL7608", ":16:11 spec.hooks[0].step", "one of PreHook, PostHook" },
        { Machines + "  check: yes\n", "SL7608", ":13:10 spec.check", "true or false" },
        { Machines + "  autostart: 1\n", "SL7608", ":13:14 spec.autostart", "true or false" },
        { Machines + "  precopy:\n    interval: 90\n", "SL7608", ":14:15 spec.precopy.interval", "a time such as 90s" },
        { Machines + "  precopy:\n    interval: 31d\n", "SL7608", ":14:15 spec.precopy.interval", "from 0 to 2592000 seconds" },
        { Machines + "  precopy:\n    cutover: 2026-11-28T22:00:00\n", "SL7608", ":14:14 spec.precopy.cutover", "with its offset" },
        { Machines + "  precopy:\n    cutover: 2026-11-31T22:00:00Z\n", "SL7608", ":14:14 spec.precopy.cutover", "with its offset" },
        { Machines + "  limits:\n    bandwidth: 1K\n", "SL7608", ":14:16 spec.limits.bandwidth", "at least 65536 bytes" },
        { Machines + "  limits:\n    bandwidth: -1\n", "SL7608", ":14:16 spec.limits.bandwidth", "a size such as 200M" },
        { Machines + "  map:\n    storage: disks\n", "SL7608", ":14:14 spec.map.storage", "fields with values" },
        { Machines + "  waivers:\n  - class: a\n    filesystem: b\n", "SL7607", ":14:5 spec.waivers[0].reason", "a text" },
        { Machines + "  type: cold\n  warm: true\n", "SL7609", ":14:3 spec.warm", "it says warm, and `type` says" },
        { Machines + "  warm: maybe\n", "SL7608", ":13:9 spec.warm", "true or false" },
        { Machines + "  check: true\n  check: true\n", "SL7605", ":14:3 check", "in line 13" },
        { Machines + "  description: &a text\n", "SL7604", ":13:16", "anchors" },
        { Machines + "  description: *a\n", "SL7604", ":13:16", "aliases" },
        { Machines + "  description: !!str 5\n", "SL7604", ":13:16", "tags" },
        { Machines + "  map:\n    <<: {}\n", "SL7604", ":14:5", "merge keys" },
        { Machines + "\tcheck: true\n", "SL7603", ":12:11", "spaces and not tabs" },
        { Machines + "  [a]: true\n", "SL7603", ":13:3", "the name of a field" },
        { Machines + "  description: \"open\n", "SL7603", ":13:", "" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_named_with_its_place_and_what_is_expected(string rest, string code, string place, string expected)
    {
        var error = Error(Head + rest);
        Assert.Equal(code, error.Code);
        Assert.Contains($"plan.yaml{place}", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kind: Plan\n", "SL7607", "apiVersion")]
    [InlineData("apiVersion: sealift.io/v1\nkind: Plan\n", "SL7611", "sealift.io/v1alpha1")]
    [InlineData("apiVersion: sealift.io/v1alpha1\nkind: plan\n", "SL7611", "Provider, StorageMap, NetworkMap, Hook, Plan, Migration")]
    [InlineData("apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: Upper}\nspec: {}\n", "SL7608", "lower-case letters")]
    [InlineData("apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: -a}\nspec: {}\n", "SL7608", "lower-case letters")]
    [InlineData("apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: a}\n", "SL7607", "spec")]
    [InlineData("apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: a, labels: {a b: c}}\nspec: {}\n", "SL7608", "a word of letters")]
    [InlineData("", "SL7610", "apiVersion")]
    [InlineData("# nothing\n---\n---\n", "SL7610", "apiVersion")]
    [InlineData("just text", "SL7608", "a document")]
    [InlineData("- a\n- b\n", "SL7608", "a document")]
    [InlineData("%YAML 1.1\n---\na: b\n", "SL7603", "1.1")]
    [InlineData("[1]", "SL7608", "a document")]
    [InlineData("[]", "SL7610", "apiVersion")]
    [InlineData("{\"a\": 1,}", "SL7603", "JSON")]
    [InlineData("{\"a\": 1, // why\n \"b\": 2}", "SL7603", "JSON")]
    [InlineData("{\"a\": 1}{", "SL7603", "JSON")]
    [InlineData("{\"a\": 1, \"a\": 2}", "SL7605", ":1:10 a")]
    [InlineData("{\n\"é😀\": 1, \"b\": 2, \"b\": 3}", "SL7605", ":2:19 b")]
    [InlineData("{\"a\": \"\\ud800\"}", "SL7603", "JSON")]
    [InlineData("{\"a\": [1", "SL7603", "JSON")]
    public void A_file_that_is_no_document_says_what_one_is(string text, string code, string expected)
    {
        var error = Error(text);
        Assert.Equal(code, error.Code);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Words_of_YAML_1_1_are_text()
    {
        var plan = (PlanDocument)Read(Head + "  vms:\n  - {name: no, id: 22:30, targetPowerState: off}\n  targetPowerState: on\n  description: y\n").Single().Document;
        Assert.Equal("no", plan.Spec.Vms[0].Name);
        Assert.Equal("22:30", plan.Spec.Vms[0].Id);
        Assert.Equal(TargetPowerState.Off, plan.Spec.Vms[0].TargetPowerState);
        Assert.Equal(TargetPowerState.On, plan.Spec.TargetPowerState);
    }

    [Theory]
    [InlineData("  warm: true\n", PlanType.Warm)]
    [InlineData("  warm: false\n", PlanType.Cold)]
    [InlineData("  warm: true\n  type: warm\n", PlanType.Warm)]
    public void The_older_word_of_Forklift_is_understood(string rest, PlanType type) =>
        Assert.Equal(type, ((PlanDocument)Read(Head + Machines + rest).Single().Document).Spec.Type);

    [Fact]
    public void Lines_may_end_as_on_other_systems_and_a_mark_may_come_first()
    {
        var text = "\uFEFF" + (Head + Machines).Replace("\n", "\r\n", StringComparison.Ordinal);
        Assert.Equal("web01", ((PlanDocument)Read(text).Single().Document).Spec.Vms[0].Name);
        var json = "\uFEFF" + DocumentWriter.ToJson(Read(text).Single().Document).Replace("\n", "\r\n", StringComparison.Ordinal);
        Assert.Equal("web01", ((PlanDocument)Read(json).Single().Document).Spec.Vms[0].Name);
    }

    [Fact]
    public void A_field_can_be_found_again_in_its_file()
    {
        var read = Read("# first\n" + Head + Machines + "---\n" + Head + "  vms:\n  - name: a\n  - name: b\n    wave: 2\n");
        Assert.Equal(new FilePosition(2, 1), read[0].Locate(""));
        Assert.Equal(new FilePosition(28, 5), read[1].Locate("spec.vms[1].wave"));
        Assert.Equal(new FilePosition(27, 5), read[1].Locate("spec.vms[1].targetName"));
        Assert.Equal(new FilePosition(25, 3), read[1].Locate("spec.vms[7].targetName"));
    }

    [Fact]
    public async Task A_file_is_read_from_its_path_and_one_that_is_not_there_is_said()
    {
        var path = Path.Combine(Path.GetTempPath(), $"plan-{Guid.NewGuid():N}.yaml");
        Assert.Equal("SL7612", (await Assert.ThrowsAsync<SealiftException>(() => DocumentReader.ReadFileAsync(path, TestContext.Current.CancellationToken))).Code);
        Assert.Equal("SL7612", (await Assert.ThrowsAsync<SealiftException>(() => DocumentReader.ReadFileAsync(Path.GetTempPath(), TestContext.Current.CancellationToken))).Code);
        await File.WriteAllTextAsync(path, Head + Machines, TestContext.Current.CancellationToken);
        try
        {
            Assert.Equal(path, (await DocumentReader.ReadFileAsync(path, TestContext.Current.CancellationToken)).Single().File);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IReadOnlyList<ReadDocument> Read(string text) => DocumentReader.Read(Encoding.UTF8.GetBytes(text), "plan.yaml");

    private static SealiftException Error(string text) => Assert.ThrowsAny<SealiftException>(() => Read(text));
}
