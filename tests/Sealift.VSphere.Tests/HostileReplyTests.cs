using System.Text;
using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>A server says anything: each is read, or refused, in bounded memory, and understood by what its types are called.</summary>
public sealed class HostileReplyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Bad => new()
    {
        { "billion laughs", "<!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><a>&c;</a>" },
        { "an outside entity", "<!DOCTYPE a [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><a>&a;</a>" },
        { "an empty DTD", "<!DOCTYPE a><a/>" },
        { "an unknown entity", "<a>&ha;</a>" },
        { "nothing", string.Empty },
        { "half", "<a><b>" },
        { "two roots", "<a/><b/>" },
        { "a wrong end", "<a><b></a></b>" },
        { "a bad character", "<a>\u0001</a>" },
        { "a bad character by number", "<a>&#1;</a>" },
        { "depth", Nested(VimXml.DepthLimit + 1) },
        { "depth without an end", string.Concat(Enumerable.Repeat("<a>", 100_000)) },
        { "elements", "<r>" + new StringBuilder().Insert(0, "<a/>", VimXml.ElementLimit + 1) + "</r>" },
        { "text", "<a>" + new string('x', VimXml.TextLimitCharacters + 1) + "</a>" },
        { "text in pieces", "<a>" + string.Concat(Enumerable.Repeat("<![CDATA[" + new string('x', 1 << 10) + "]]>", (VimXml.TextLimitCharacters >> 10) + 1)) + "</a>" },
        { "no XML", "hello" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void What_is_no_plain_XML_within_the_limits_is_refused(string what, string document)
    {
        Assert.NotEmpty(what);
        Assert.Throws<InvalidDataException>(() => Parse(document));
    }

    [Fact]
    public void What_is_just_within_the_limits_is_read()
    {
        var depth = 1;
        for (var here = Parse(Nested(VimXml.DepthLimit)); here.Find("a") is { } inner; here = inner) depth++;
        Assert.Equal(VimXml.DepthLimit, depth);
        Assert.Equal(VimXml.TextLimitCharacters, Parse("<a>" + new string('x', VimXml.TextLimitCharacters) + "</a>").Text.Length);
    }

    [Fact]
    public void Text_in_a_million_pieces_is_read_in_time_that_grows_with_its_length_only()
    {
        var root = Parse("<a>" + string.Concat(Enumerable.Repeat("x<!---->", 1_000_000)) + "</a>");
        Assert.Equal(1_000_000, root.Text.Length);
    }

    [Fact]
    public void Types_are_known_whatever_their_prefix_and_unknown_ones_are_kept()
    {
        var root = Parse("""
            <x:r xmlns:x="urn:vim25" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:w="urn:other">
              <dev i:type="VirtualDisk"><key>1</key></dev>
              <x:dev i:type="x:VirtualDisk"/>
              <w:dev i:type=" w:VirtualFluxCapacitor "><flux><level> 3 </level></flux></w:dev>
              <dev type="NotTheType"/>
              <ref type="VirtualMachine">vm-1</ref>
              <empty/>
              <space>  kept  </space>
            </x:r>
            """);
        Assert.Equal(["VirtualDisk", "VirtualDisk", "VirtualFluxCapacitor", null], root.All("dev").Select(d => d.Type));
        Assert.Equal(3, root.All("dev").ElementAt(2).At("flux", "level")?.AsNumber());
        Assert.Equal(new ManagedReference("VirtualMachine", "vm-1"), root.ReferenceOf("ref"));
        Assert.Equal(string.Empty, root.TextOf("empty"));
        Assert.Equal("  kept  ", root.TextOf("space"));
        Assert.Equal(string.Empty, root.Text);
        Assert.DoesNotContain("kept", root.Require("space").ToString(), StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => root.Require("space").AsNumber());
        Assert.Throws<InvalidDataException>(() => root.Require("space").AsFlag());
        Assert.Throws<InvalidDataException>(() => root.Require("empty").AsReference());
        Assert.Throws<InvalidDataException>(() => root.Require("space").AsTime());
        Assert.Throws<InvalidDataException>(() => root.Require("nothing"));
    }

    [Theory]
    [InlineData(200, "text/html", "<html></html>")] // a proxy's page
    [InlineData(500, "text/plain", "busy")]
    [InlineData(302, "text/html", "")]
    [InlineData(200, "text/xml", "<a/>")]
    [InlineData(200, "text/xml", "LAUGHS")]
    [InlineData(200, "text/xml", "EMPTY BODY")]
    [InlineData(200, "text/xml", "OTHER")]
    [InlineData(500, "text/xml", "OWN")] // an answer, and a status that says no
    [InlineData(200, "text/xml", "LONG")]
    public async Task What_is_no_answer_is_an_error_that_says_so(int status, string type, string body)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await VSphereClient.ConnectAsync(server.Options with { ReplyLimitBytes = 1 << 20 }, Cancel);
        await server.AnswerAsync("FindByInventoryPath", status, type, body switch
        {
            "LAUGHS" => "<!DOCTYPE a [<!ENTITY a \"ha\">]><a>&a;</a>",
            "EMPTY BODY" => Soap.Envelope(string.Empty),
            "OTHER" => Soap.Envelope("<FindByUuidResponse xmlns=\"urn:vim25\"></FindByUuidResponse>"),
            "OWN" => Soap.Envelope("<FindByInventoryPathResponse xmlns=\"urn:vim25\"></FindByInventoryPathResponse>"),
            "LONG" => "<a>" + new string('x', 2 << 20) + "</a>",
            _ => body,
        }, Cancel);
        var error = await Assert.ThrowsAsync<VSphereException>(() => client.FindByInventoryPathAsync("DC0", Cancel));
        Assert.Equal("SL3304", error.Code);
        Assert.Contains("FindByInventoryPath", error.Message, StringComparison.Ordinal);
        if (body == "LONG") Assert.Contains("more than 1048576 bytes", error.Message, StringComparison.Ordinal); // it was not read to its end
        Assert.NotNull(await client.FindByInventoryPathAsync("DC0", Cancel)); // and the next one is answered
    }

    [Theory]
    [InlineData(502, "text/html", "<html></html>")]
    [InlineData(503, "text/plain", "busy")]
    [InlineData(504, "text/xml", "<a/>")]
    public async Task A_gate_that_does_not_reach_the_server_leaves_open_what_became_of_the_request(int status, string type, string body)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        await server.AnswerAsync("FindByInventoryPath", status, type, body, Cancel);
        Assert.NotNull(await client.FindByInventoryPathAsync("DC0", Cancel)); // what changes nothing is asked again
        Assert.Equal(2, await server.CountAsync("FindByInventoryPath", Cancel));
        await server.AnswerAsync("ConsolidateVMDisks_Task", status, type, body, Cancel);
        var error = await Assert.ThrowsAsync<VSphereException>(() => client.ConsolidateDisksAsync(new ManagedReference("VirtualMachine", "vm-1"), Cancel));
        Assert.True(error.IsOutcomeUnknown);
        Assert.Contains($"HTTP status {status}", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, await server.CountAsync("ConsolidateVMDisks_Task", Cancel));
    }

    [Fact]
    public async Task A_fault_without_types_or_words_is_a_fault_all_the_same()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        foreach (var (detail, name) in new[]
        {
            ("<detail><NoPermissionFault xmlns=\"urn:vim25\"></NoPermissionFault></detail>", "NoPermission"),
            ("<detail/>", "RuntimeFault"),
            (string.Empty, "RuntimeFault"),
            ("<detail><z:f xmlns:z=\"urn:z\" xsi:type=\"z:ManagedObjectNotFound\"><z:obj type=\"Folder\">x</z:obj></z:f></detail>", "ManagedObjectNotFound"),
        })
        {
            await server.AnswerAsync("FindByInventoryPath", 500, "text/xml", Soap.Envelope($"<soapenv:Fault><faultcode>x</faultcode><faultstring>line one\nline two \u202e</faultstring>{detail}</soapenv:Fault>"), Cancel);
            var error = await Assert.ThrowsAsync<VSphereFaultException>(() => client.FindByInventoryPathAsync("DC0", Cancel));
            Assert.Equal(name, error.Fault.Name);
            Assert.DoesNotContain('\n', error.Message);
            Assert.DoesNotContain('\u202e', error.Message);
        }
    }

    [Fact]
    public async Task A_list_that_does_not_end_is_an_error()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = new ManagedReference("VirtualMachine", "vm-1");
        string Page(string operation) => Soap.Envelope($"<{operation}Response xmlns=\"urn:vim25\"><returnval><token>t</token><objects><obj type=\"VirtualMachine\">vm-1</obj></objects></returnval></{operation}Response>");
        await server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Page("RetrievePropertiesEx"), Cancel);
        for (var i = 0; i < 150; i++) await server.AnswerAsync("ContinueRetrievePropertiesEx", 200, "text/xml", Page("ContinueRetrievePropertiesEx"), Cancel);
        var error = await Assert.ThrowsAsync<VSphereException>(async () =>
        {
            await foreach (var one in client.RetrieveAsync(new PropertyQuery("VirtualMachine", ["name"]) { Objects = [machine] }, Cancel)) Assert.Equal(machine, one.Reference);
        });
        Assert.Equal("SL3304", error.Code);
    }

    [Fact]
    public async Task What_an_account_may_not_see_is_missing_with_its_reason()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = new ManagedReference("VirtualMachine", "vm-1");
        const string Missing = "<missingSet><path>runtime.powerState</path><fault><fault xsi:type=\"NoPermission\"><object type=\"VirtualMachine\">vm-1</object><privilegeId>System.Read</privilegeId></fault><localizedMessage>no</localizedMessage></fault></missingSet>";
        var reply = Soap.Envelope($"<RetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval><objects><obj type=\"VirtualMachine\">vm-1</obj><propSet><name>name</name><val xsi:type=\"xsd:string\">m</val></propSet>{Missing}</objects></returnval></RetrievePropertiesExResponse>");
        await server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", reply, Cancel);
        var seen = await client.MachineAsync(machine, Cancel);
        Assert.Equal("m", seen.Name);
        Assert.Equal(string.Empty, seen.PowerState);
        Assert.Equal("System.Read", seen.Untold["runtime.powerState"].PrivilegeId);
        await server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", reply, Cancel);
        Assert.Equal("SL3312", (await Assert.ThrowsAsync<VSphereFaultException>(() => client.PowerStateAsync(machine, Cancel))).Code);
    }

    [Theory]
    [InlineData("6.5 6.0 5.5", "6.5")]
    [InlineData("9.9.9.9 9.0.0.0 8.0.3.0 8.0.2.0 7.0.3.2", "8.0.3.0")]
    [InlineData("10.0 8.0.0.1 2.5u2 dev", "8.0.0.1")]
    [InlineData("7.0 6.9.1.999", "7.0")]
    [InlineData("5.1 4.0", null)]
    [InlineData("99.0", null)]
    [InlineData("", null)]
    public void The_newest_version_that_both_know_is_spoken(string offered, string? spoken)
    {
        var versions = offered.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var prior = string.Concat(versions.Skip(1).Select(v => $"<version>{v}</version>"));
        var list = Parse($"<namespaces><namespace><name>urn:vim2</name><version>8.0.1.0</version></namespace><namespace><name>urn:vim25</name>{(versions.Length > 0 ? $"<version>{versions[0]}</version>" : string.Empty)}<priorVersions>{prior}</priorVersions></namespace></namespaces>");
        if (spoken is null) Assert.Throws<InvalidDataException>(() => ApiVersion.Choose(list));
        else Assert.Equal(spoken, ApiVersion.Choose(list));
    }

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("<a>", levels)) + string.Concat(Enumerable.Repeat("</a>", levels));

    private static VimElement Parse(string document) => VimXml.Parse(new MemoryStream(Encoding.UTF8.GetBytes(document)));
}
