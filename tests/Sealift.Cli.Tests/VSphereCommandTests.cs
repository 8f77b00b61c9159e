using System.Globalization;
using System.Text;
using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Cli.Tests;

/// <summary>The commands on a real server's inventory, as they are typed: what they print, what they keep, and what is nowhere to be found.</summary>
public sealed class VSphereCommandTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-cli-").FullName;
    private readonly StringBuilder said = new(); // by every command of a test

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string State => Path.Combine(directory, "state");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData("provider add vsphere a --user u")]
    [InlineData("provider add vsphere a --address vcenter --user u")]
    [InlineData("provider add vsphere a --address https://vcenter --user u --ca-file a --thumbprint b")]
    [InlineData("provider add vsphere a --address https://vcenter --user u --password-file a --password-env b")]
    [InlineData("provider add vsphere a --address https://vcenter --user u --password secret")]
    [InlineData("provider add vsphere a --address https://vcenter --user u --vddk-compression zip")]
    [InlineData("inventory vms")]
    [InlineData("inventory vms a --power maybe")]
    [InlineData("inventory vms a --severity bad")]
    [InlineData("inventory vms a --way hot")]
    [InlineData("inventory vms a web --name x")]
    [InlineData("inventory vms a web --watch")]
    public void A_wrong_command_line_is_told(string line) => Assert.NotEmpty(CommandTree.Build().Parse(line).Errors);

    [Theory]
    [InlineData("--map-network", "default")]
    [InlineData("--map-network", "VM Network=")]
    [InlineData("--map-network", "VM Network=bridge:")]
    [InlineData("--static-ip", "00:50:56:00:00:01")]
    [InlineData("--static-ip", "00:50:56:00:00:01=10.0.0.7;x")]
    [InlineData("--scratch", "/var/tmp")]
    public async Task What_a_migration_cannot_use_is_told_before_the_server_is_asked(string option, string value) =>
        Assert.Contains("SL8004", await RunAsync(5, ["migrate", "vsphere://dc1/DC0/vm/web", "--to", Path.Combine(directory, "target"), option, value]), StringComparison.Ordinal);

    [Fact]
    public async Task A_server_is_registered_after_a_look_at_it_and_its_password_is_nowhere_to_be_found()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        var file = Path.Combine(directory, "password");
        PosixPath.WriteFileDurably(file, Encoding.UTF8.GetBytes(VCenter.Password + "\n"), replace: false, 0x180);
        string[] where = ["--address", server.Address.ToString(), "--user", VCenter.User, "--ca-file", server.CaFile];
        Assert.Contains("API ", await RunAsync(0, ["provider", "add", "vsphere", "typed", .. where], input: VCenter.Password + "\n"), StringComparison.Ordinal);
        _ = await RunAsync(0, ["provider", "add", "vsphere", "by-file", .. where, "--password-file", file]);
        _ = await RunAsync(0, ["provider", "add", "vsphere", "by-variable", "--address", server.Address.ToString(), "--user", VCenter.User, "--thumbprint", server.Sha1, "--password-env", "RIG_PASSWORD", "--json"], variable: VCenter.Password);
        Assert.Contains("SL6502", await RunAsync(5, ["provider", "add", "vsphere", "typed", .. where]), StringComparison.Ordinal);

        var list = (await RunAsync(0, ["provider", "list"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["by-file", "by-variable", "typed"], list.Select(l => l.Split(' ')[0]));
        Assert.Contains("stored, encrypted", await RunAsync(0, ["provider", "show", "typed"]), StringComparison.Ordinal);
        Assert.Contains($"in the file {file}", await RunAsync(0, ["provider", "show", "by-file"]), StringComparison.Ordinal);
        using (var shown = JsonDocument.Parse(await RunAsync(0, ["provider", "show", "by-variable", "--json"])))
            Assert.Equal(("environment", "RIG_PASSWORD", server.Sha1), (shown.RootElement.GetProperty("password").GetProperty("kind").GetString(), shown.RootElement.GetProperty("password").GetProperty("reference").GetString(), shown.RootElement.GetProperty("thumbprint").GetString()));

        foreach (var name in new[] { "typed", "by-file" }) Assert.Contains("DC0_C0_RP0_VM0", await RunAsync(0, ["inventory", "vms", name]), StringComparison.Ordinal);
        Assert.Contains("DC0_C0_RP0_VM0", await RunAsync(0, ["inventory", "vms", "by-variable"], variable: VCenter.Password), StringComparison.Ordinal);
        Assert.Contains("SL6508", await RunAsync(5, ["inventory", "vms", "by-variable"]), StringComparison.Ordinal);
        _ = await RunAsync(0, ["provider", "remove", "by-file"]);
        Assert.Contains("SL6503", await RunAsync(5, ["provider", "show", "by-file"]), StringComparison.Ordinal);

        Assert.DoesNotContain(VCenter.Password, said.ToString(), StringComparison.Ordinal);
        foreach (var kept in Directory.GetFiles(State, "*", SearchOption.AllDirectories))
        {
            Assert.Equal(-1, File.ReadAllBytes(kept).AsSpan().IndexOf(Encoding.UTF8.GetBytes(VCenter.Password)));
            Assert.Equal(0x180, FileFacts.OfPath(kept).Permissions);
        }
    }

    [Fact]
    public async Task A_server_that_is_not_trusted_or_does_not_let_in_is_not_registered_unless_nobody_looks()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        string[] where = ["--address", server.Address.ToString(), "--user", VCenter.User];
        Assert.Contains(server.Sha256, await RunAsync(5, ["provider", "add", "vsphere", "dc1", .. where], input: VCenter.Password), StringComparison.OrdinalIgnoreCase); // what to compare
        Assert.Contains("SL3310", await RunAsync(5, ["provider", "add", "vsphere", "dc1", .. where, "--thumbprint", server.Sha256], input: "wrong\n"), StringComparison.Ordinal);
        Assert.Contains("SL8008", await RunAsync(5, ["provider", "add", "vsphere", "dc1", .. where, "--thumbprint", server.Sha256], input: "\n"), StringComparison.Ordinal);
        Assert.Contains("SL8008", await RunAsync(5, ["provider", "add", "vsphere", "dc1", .. where, "--thumbprint", server.Sha256], input: new string('x', 5000)), StringComparison.Ordinal);
        Assert.Contains("SL3301", await RunAsync(5, ["provider", "add", "vsphere", "dc1", .. where, "--thumbprint", "00"]), StringComparison.Ordinal);
        Assert.Contains("SL6501", await RunAsync(5, ["provider", "add", "vsphere", "../dc1", .. where]), StringComparison.Ordinal);
        Assert.Empty(await RunAsync(0, ["provider", "list"]));
        Assert.Equal(1, await server.CountAsync("Login", Cancel)); // who is not trusted is told no password
        _ = await RunAsync(0, ["provider", "add", "vsphere", "dc1", .. where, "--no-check"], input: "wrong\n");
        Assert.Contains("dc1", await RunAsync(0, ["provider", "list"]), StringComparison.Ordinal);

        // One that is damaged does not hide the others.
        _ = await RunAsync(0, ["provider", "add", "vsphere", "dc2", .. where, "--no-check"], input: "wrong\n");
        File.WriteAllText(Path.Combine(State, "providers", "dc1.json"), "{}");
        var list = await RunAsync(5, ["provider", "list"]);
        Assert.Contains("SL6505", list, StringComparison.Ordinal);
        Assert.Contains("dc2", list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_inventory_is_listed_for_people_and_for_programs()
    {
        await using var server = await VCenter.StartAsync(Cancel, 12);
        _ = await RegisterAsync(server);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = (await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM1", Cancel))!.Value;
        await client.PowerOffAsync(machine, Cancel);
        _ = await client.MakeSnapshotAsync(machine, "before", string.Empty, quiesce: false, Cancel);

        var table = (await RunAsync(0, ["inventory", "vms", "dc1"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(13, table.Length);
        Assert.Single(table.Select(l => l.LastIndexOf("DC0/vm", StringComparison.Ordinal)).Where(at => at >= 0).Distinct()); // the columns are as wide in each line
        var off = Assert.Single(table, l => l.StartsWith("off ", StringComparison.Ordinal));
        Assert.EndsWith($"{machine.Value,-12}  DC0/vm/DC0_C0_RP0_VM1", off, StringComparison.Ordinal);
        Assert.Equal(3, (await RunAsync(0, ["inventory", "vms", "dc1", "--name", "*VM1*", "--power", "on", "--folder", "vm"])).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length); // with the header: VM10, VM11

        var lines = await JsonAsync("vms", "dc1", "--concerns", "--way", "cold");
        Assert.Equal(12, lines.Count);
        foreach (var line in lines)
        {
            var classes = line.GetProperty("concerns").EnumerateArray().Select(c => c.GetProperty("class").GetString()).ToList();
            Assert.Equal(line.GetProperty("reference").GetString() != machine.Value, classes.Contains("vsphere.power-state"));
            Assert.Equal("disk", Assert.Single(line.GetProperty("disks").EnumerateArray()).GetProperty("label").GetString()?[..4]);
        }

        Assert.Equal(11, (await JsonAsync("vms", "dc1", "--severity", "obstacle", "--way", "cold")).Count);
        Assert.Empty(await JsonAsync("vms", "dc1", "--severity", "obstacle", "--way", "warm"));
        Assert.Equal(12, (await JsonAsync("disks", "dc1")).Count);
        Assert.Equal(["distributed", "distributed", "network"], (await JsonAsync("networks", "dc1")).Select(n => n.GetProperty("kind").GetString()).Order(StringComparer.Ordinal));
        Assert.True(Assert.Single(await JsonAsync("datastores", "dc1")).GetProperty("freeBytes").GetInt64() > 0);

        // One of them, with what to do; and its name is taken where another one was handed over.
        var one = await RunAsync(0, ["inventory", "vms", "dc1", machine.Value]);
        foreach (var part in new[] { "DC0/vm/DC0_C0_RP0_VM1", "'before'", "disk ", "card ", "vsphere.snapshots", "what to do: " }) Assert.Contains(part, one, StringComparison.Ordinal);
        Assert.DoesNotContain("vsphere.name-taken", one, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(directory, "DC0_C0_RP0_VM1.xml"), "<domain/>");
        Assert.Contains("OBSTACLE vsphere.name-taken", await RunAsync(0, ["inventory", "vms", "dc1", "DC0_C0_RP0_VM1", "--to", directory]), StringComparison.Ordinal);
        Assert.Equal(["DC0_C0_RP0_VM1"], (await JsonAsync("vms", "dc1", "--to", directory, "--severity", "obstacle", "--way", "warm")).Select(l => l.GetProperty("name").GetString()));
        Assert.Contains("SL6513", await RunAsync(5, ["inventory", "vms", "dc1", "nobody"]), StringComparison.Ordinal);
        Assert.Contains("SL6503", await RunAsync(5, ["inventory", "vms", "dc9"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changes_are_shown_until_it_is_interrupted_and_no_argument_has_the_password()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        _ = await RegisterAsync(server);
        await using var client = await server.ConnectAsync(Cancel);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        await using var watching = ChildProcess.Start(Command(["inventory", "vms", "dc1", "--watch", "--json", "--concerns"]));
        for (var i = 0; i < 4; i++) Assert.Equal("present", (await NextAsync()).Change);
        var arguments = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{watching.Id}/cmdline"));
        Assert.Contains("--watch", arguments, StringComparison.Ordinal);
        Assert.DoesNotContain(VCenter.Password, arguments, StringComparison.Ordinal);
        var machine = (await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM1", Cancel))!.Value;
        await client.PowerOffAsync(machine, Cancel);
        (string Change, string Reference, string Power) next;
        do next = await NextAsync();
        while (next.Power == "poweredOn");
        Assert.Equal(("changed", machine.Value, "poweredOff"), next);
        _ = await ChildProcess.RunAsync(new ChildCommand("kill", "-INT", watching.Id.ToString(CultureInfo.InvariantCulture)), Cancel);
        while (await watching.ReadLineAsync(limit.Token) is { } rest) Assert.Contains("\"vm\"", rest, StringComparison.Ordinal);
        Assert.Equal(0, await watching.WaitAsync(limit.Token)); // that is how it is meant to end

        async Task<(string Change, string Reference, string Power)> NextAsync()
        {
            var line = await watching.ReadLineAsync(limit.Token) ?? throw new InvalidOperationException($"it ended: {watching.ErrorTail}");
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            Assert.Equal(JsonValueKind.Array, root.GetProperty("concerns").ValueKind);
            return (root.GetProperty("change").GetString()!, root.GetProperty("reference").GetString()!, root.GetProperty("powerState").GetString()!);
        }
    }

    private Task<string> RegisterAsync(VCenter server) =>
        RunAsync(0, ["provider", "add", "vsphere", "dc1", "--address", server.Address.ToString(), "--user", VCenter.User, "--thumbprint", server.Sha256], input: VCenter.Password + "\n");

    private async Task<IReadOnlyList<JsonElement>> JsonAsync(params string[] arguments) =>
        [.. (await RunAsync(0, ["inventory", .. arguments, "--json"])).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];

    /// <summary>Runs the command to its end.</summary>
    /// <returns>All that it said.</returns>
    private async Task<string> RunAsync(int exitCode, string[] arguments, string input = "", string? variable = null)
    {
        var result = await ChildProcess.RunAsync(Command(arguments) with
        {
            StandardInput = input,
            AcceptedExitCodes = [.. Enumerable.Range(0, 128)],
            Environment = new Dictionary<string, string?> { ["RIG_PASSWORD"] = variable, ["DOTNET_NOLOGO"] = "1" },
        }, Cancel);
        var output = result.Output + result.ErrorTail;
        said.AppendLine(output);
        Assert.True(exitCode == result.ExitCode, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {output}");
        return output;
    }

    private ChildCommand Command(string[] arguments) =>
        new("dotnet", [Path.Combine(AppContext.BaseDirectory, "sealift.dll"), .. arguments, "--state", State]) { Deadline = TimeSpan.FromMinutes(3) };
}
