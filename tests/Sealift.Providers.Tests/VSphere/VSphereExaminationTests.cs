using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>What is known besides a machine, from a server that tells it, tells half of it, or does not.</summary>
public sealed class VSphereExaminationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rules_of_a_cluster_are_found_as_another_client_set_them()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        _ = await SecondClient.RunAsync(server, Cancel, "rule", "DC0_C0", "near", "together", "DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1");
        _ = await SecondClient.RunAsync(server, Cancel, "rule", "DC0_C0", "far", "apart", "DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1", "DC0_C0_RP0_VM2");
        await using var client = await server.ConnectAsync(Cancel);
        var bound = await ConcernsAsync(client, "DC0_C0_RP0_VM0");
        var rule = Assert.Single(bound, c => c.Class == VSphereConcernClasses.Affinity);
        Assert.Contains("'near' keeps it together with another machine, 'far' keeps it apart from 2 other machines", rule.Text, StringComparison.Ordinal);
        Assert.Contains("'far'", Assert.Single(await ConcernsAsync(client, "DC0_C0_RP0_VM2"), c => c.Class == VSphereConcernClasses.Affinity).Text, StringComparison.Ordinal);
        Assert.DoesNotContain(await ConcernsAsync(client, "DC0_C0_RP0_VM3"), c => c.Class is VSphereConcernClasses.Affinity or VSphereConcernClasses.NotTold or VSphereConcernClasses.Privileges);
    }

    [Fact]
    public async Task Rules_of_every_kind_are_read_and_those_that_are_switched_off_are_not()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM0", Cancel);
        var names = await client.NamesAsync(Cancel);
        var vm = $"<vm type=\"VirtualMachine\">{machine.Reference.Value}</vm>";
        await SayAsync(
            $"<group xsi:type=\"ClusterVmGroup\"><name>g</name>{vm}</group><group xsi:type=\"ClusterHostGroup\"><name>h</name></group>"
            + Rule("ClusterVmHostRuleInfo", "on", "<vmGroupName>g</vmGroupName><affineHostGroupName>h</affineHostGroupName>")
            + Rule("ClusterVmHostRuleInfo", "off", "<vmGroupName>g</vmGroupName><antiAffineHostGroupName>h</antiAffineHostGroupName>")
            + Rule("ClusterDependencyRuleInfo", "after", "<vmGroup>g</vmGroup><dependsOnVmGroup>d</dependsOnVmGroup>")
            + Rule("ClusterRuleOfNextYear", "new", vm)
            + Rule("ClusterVmHostRuleInfo", "other", "<vmGroupName>nobody</vmGroupName><affineHostGroupName>h</affineHostGroupName>")
            + Rule("ClusterAffinityRuleSpec", "idle", vm, "false"));
        var met = (await (await VSphereExamination.PrepareAsync(client, names, Cancel)).OfAsync(machine, isWarm: true, null, Cancel)).Concerns;
        Assert.Contains("rules of its cluster bind it: 'on' binds it to the hosts 'h', 'off' keeps it off the hosts 'h', 'after' lets it start after 'd', 'new' (ClusterRuleOfNextYear)", Assert.Single(met, c => c.Class == VSphereConcernClasses.Affinity).Text, StringComparison.Ordinal);

        await SayAsync(Rule("ClusterAffinityRuleSpec", "bad", vm, "perhaps"));
        Assert.Equal("SL6514", (await Assert.ThrowsAsync<Posix.SealiftException>(() => VSphereExamination.PrepareAsync(client, names, Cancel))).Code);

        // A configuration that is not told may have rules.
        await server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Cluster("<missingSet><path>configurationEx</path><fault><fault xsi:type=\"NoPermission\"/><localizedMessage>no</localizedMessage></fault></missingSet>"), Cancel);
        met = (await (await VSphereExamination.PrepareAsync(client, names, Cancel)).OfAsync(machine, isWarm: true, null, Cancel)).Concerns;
        Assert.Contains("cluster domain-c0", Assert.Single(met, c => c.Class == VSphereConcernClasses.NotTold).Text, StringComparison.Ordinal);

        static string Rule(string type, string name, string content, string enabled = "true") => $"<rule xsi:type=\"{type}\"><key>1</key><enabled>{enabled}</enabled><name>{name}</name>{content}</rule>";

        static string Cluster(string content) => VSphereInventoryTests.Envelope($"<RetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval><objects><obj type=\"ClusterComputeResource\">domain-c0</obj>{content}</objects></returnval></RetrievePropertiesExResponse>");

        Task SayAsync(string configuration) => server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Cluster($"<propSet><name>configurationEx</name><val xsi:type=\"ClusterConfigInfoEx\">{configuration}</val></propSet>"), Cancel);
    }

    [Theory]
    [InlineData("VirtualMachine.Provisioning.DiskRandomRead", true, true)]
    [InlineData("VirtualMachine.State.CreateSnapshot", true, false)]
    [InlineData("Cryptographer.Access", false, false)] // it is not encrypted
    public async Task A_privilege_that_is_missing_is_an_obstacle_where_it_is_needed(string privilege, bool warm, bool cold)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM0", Cancel);
        foreach (var (isWarm, needed) in new[] { (true, warm), (false, cold) })
        {
            var all = string.Concat(VSpherePrivileges.All.Select(p => $"<privAvailability><privId>{p}</privId><isGranted>{(p == privilege ? "false" : "true")}</isGranted></privAvailability>"));
            await server.AnswerAsync("HasPrivilegeOnEntities", 200, "text/xml", VSphereInventoryTests.Envelope($"<HasPrivilegeOnEntitiesResponse xmlns=\"urn:vim25\"><returnval><entity type=\"VirtualMachine\">{machine.Reference.Value}</entity>{all}</returnval></HasPrivilegeOnEntitiesResponse>"), Cancel);
            var met = await VSphereExamination.OfAsync(client, machine, isWarm, Cancel);
            Assert.Equal(needed ? [$"the account lacks {privilege}"] : [], met.Where(c => c.Class == VSphereConcernClasses.Privileges).Select(c => c.Text));
        }
    }

    [Fact]
    public void The_page_has_the_privileges_that_are_asked_for()
    {
        var page = File.ReadAllLines(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "vsphere.md"));
        var rows = page.Select(l => l.Split('|')).Where(c => c.Length == 4 && c[1].Contains('.', StringComparison.Ordinal) && c[1].Trim().All(x => char.IsAsciiLetter(x) || x is '.' or '`')).Select(c => (c[1].Trim(' ', '`'), c[2].Trim()));
        Assert.Equal(
            VSpherePrivileges.Always.Select(p => (p, "every machine")).Concat(VSpherePrivileges.Warm.Select(p => (p, "one that runs meanwhile"))).Concat(VSpherePrivileges.Snapshots.Select(p => (p, "one that runs meanwhile, or of which changes are tracked"))).Concat(VSpherePrivileges.Encrypted.Select(p => (p, "one that vSphere encrypts"))),
            rows);
    }

    private static string ThisFile([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;

    [Fact]
    public async Task A_server_that_does_not_tell_privileges_is_a_concern_and_a_lost_session_is_not()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        await server.HappenAsync("HasPrivilegeOnEntities", "expire", Cancel);
        Assert.DoesNotContain(await ConcernsAsync(client, "DC0_C0_RP0_VM0"), c => c.Class == VSphereConcernClasses.NotTold);
        Assert.Equal(2, await server.CountAsync("HasPrivilegeOnEntities", Cancel));
        await server.RefuseAsync("HasPrivilegeOnEntities", "NoPermission", string.Empty, Cancel);
        Assert.Contains("privileges", Assert.Single(await ConcernsAsync(client, "DC0_C0_RP0_VM0"), c => c.Class == VSphereConcernClasses.NotTold).Text, StringComparison.Ordinal);
        await server.HappenAsync("HasPrivilegeOnEntities", "expire", Cancel, count: 100);
        Assert.True((await Assert.ThrowsAsync<VSphereException>(() => ConcernsAsync(client, "DC0_C0_RP0_VM0"))).IsSessionLost);
    }

    [Fact]
    public async Task A_list_is_examined_some_at_a_time_and_told_in_its_order()
    {
        await using var server = await VCenter.StartAsync(Cancel, 120);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var examination = await VSphereExamination.PrepareAsync(client, inventory.Names, Cancel);
        var (plain, examined) = (new List<ManagedReference>(), new List<ExaminedMachine>());
        await foreach (var machine in inventory.MachinesAsync(InventoryFilter.Everything, Cancel)) plain.Add(machine.Reference);
        await foreach (var one in examination.EachAsync(inventory.MachinesAsync(InventoryFilter.Everything, Cancel), _ => false, (m, s) => s with { TakenNames = m.Name == "DC0_C0_RP0_VM7" ? new HashSet<string> { m.Name } : s.TakenNames }, Cancel)) examined.Add(one);
        Assert.Equal(plain, examined.Select(e => e.Machine.Reference));
        Assert.All(examined, e => Assert.Contains(e.Concerns, c => c.Class == VSphereConcernClasses.PowerState)); // it runs, and is to be migrated cold
        Assert.Equal("DC0_C0_RP0_VM7", Assert.Single(examined, e => e.Concerns.Any(c => c.Class == VSphereConcernClasses.NameTaken)).Machine.Name);
        Assert.Equal(3, await server.CountAsync("HasPrivilegeOnEntities", Cancel)); // 50, 50, 20
    }

    private static async Task<IReadOnlyList<Concern>> ConcernsAsync(VSphereClient client, string place) =>
        await VSphereExamination.OfAsync(client, await VSphereInventory.FindAsync(client, place, Cancel), isWarm: true, Cancel);
}
